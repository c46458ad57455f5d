"""What is written down of a story that was proven without a change, found again after whatever stopped it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from activities.context import RunContext
from paceline.contracts import LandReport
from paceline.domain.events import EventDraft, EventType
from paceline.domain.plan import Story
from paceline.store import events

EMPTY_DIFF = "EMPTY_DIFF"
"""Code of an attempt that changed nothing, and had to."""
NO_CHANGE = "NO_CHANGE"
"""Code of a story that settled without a change."""


def record_no_change(
    session: Session, run: RunContext, story: Story, report: LandReport, fence: int, attempt: int
) -> LandReport:
    """Note that the proof holds on the head `checked`; twice is once.

    Returns:
        The end of the landing, as `recorded_no_change` finds it again.
    """
    branch = run.branch(run.sprint_of(story))
    draft = EventDraft(
        key=_key(run, story),
        type=EventType.WORKFLOW_EVENT,
        name="no_change.proven",
        story=story.id,
        data={
            "commit": report.checked,
            "branch": branch,
            "fence": fence,
            "attempt": attempt,
            "evidence": report.evidence,
        },
    )
    events.append_events(session, run.run.id, [draft])
    return _proven(report.checked or "", branch, report.evidence)


def recorded_no_change(session: Session, run: RunContext, story: Story) -> LandReport | None:
    """How a story was proven that changed nothing, if it was."""
    proven = events.event_of(session, run.run.id, _key(run, story))
    if proven is None:
        return None
    commit, evidence = str(proven.data["commit"]), proven.data["evidence"]
    return _proven(commit, str(proven.data["branch"]), evidence)


def _proven(commit: str, branch: str, evidence: str | None) -> LandReport:
    return LandReport(
        verified=True,
        unchanged=True,
        checked=commit,
        evidence=evidence,
        code=NO_CHANGE,
        reason=f"It needed no change, which its plan allows: proven on {commit[:12]} of {branch}."[:2000],
    )


def _key(run: RunContext, story: Story) -> str:
    return f"{run.workflow_id(story)}#no-change"
