"""An attempt that changed nothing, where its story allows that: proven on the branch's head, without a merge.

Nothing moves, so it takes no place in the merge line: it stands in the branch's history right after the head
that its checks ran on, whatever is merged meanwhile.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from activities.branch_heads import BranchHead
from activities.candidates import Landing
from activities.context import ActivityContext, RunContext
from paceline.contracts import LandReport
from paceline.domain.events import EventDraft, EventType
from paceline.domain.plan import Story
from paceline.domain.states import StoryState
from paceline.store import events
from paceline.vcs.merge import Candidate

EMPTY_DIFF = "EMPTY_DIFF"
"""Code of an attempt that changed nothing, and had to."""
NO_CHANGE = "NO_CHANGE"
"""Code of a story that settled without a change."""
_NOTHING_CHANGED = "No file is changed."


async def prove_unchanged(context: ActivityContext, branch: BranchHead, landing: Landing) -> LandReport:
    """Run the story's commands in a clean checkout of the branch's head; a repeat finds how it ended.

    Returns:
        `unchanged` where it is proven and recorded; else what is missing, with the head in `checked`.

    Raises:
        StaleFence: the attempt was replaced.
        RepositoryError: git refused.
    """
    before = await context.database.read(recorded_no_change, branch.run, landing.story)
    if before is not None:
        return before
    refusal = _refusal(landing)
    if refusal:
        return LandReport(verified=False, code=EMPTY_DIFF, reason=refusal)
    head = await branch.find()
    await context.database.write(_begin, landing)
    report = await landing.proof.establish(Candidate(head, head), for_people=False)
    report = report.model_copy(update={"checked": head, "diff_summary": _NOTHING_CHANGED})
    if not report.verified or report.unproven or landing.step.verify_only:
        return report
    return await context.database.write(_record, branch, landing, report)


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


def _refusal(landing: Landing) -> str:
    """Why an attempt without a change cannot be done; empty where it can."""
    story = landing.story
    if story.change != "optional":
        return f"The agent says that {story.id} is done and changed nothing."
    if landing.proof.empty:
        return (
            f"{story.id} may change nothing, but has neither a check nor a criterion, so that nothing proves "
            "that it is done; add one to the plan, or default checks to paceline.toml."
        )
    return ""


def _begin(session: Session, landing: Landing) -> None:
    landing.check_holder(session)
    landing.show(session, StoryState.VERIFYING, "is checked without a change")


def _record(session: Session, branch: BranchHead, landing: Landing, report: LandReport) -> LandReport:
    """Note that it is proven, under the locked row of its claim: a replaced holder settles nothing."""
    landing.check_holder(session)
    draft = EventDraft(
        key=_key(branch.run, landing.story),
        type=EventType.WORKFLOW_EVENT,
        name="no_change.proven",
        story=landing.story.id,
        data={
            "commit": report.checked,
            "branch": branch.branch,
            "fence": landing.step.fence,
            "attempt": landing.step.attempt,
            "evidence": report.evidence,
        },
    )
    events.append_events(session, branch.run.run.id, [draft])
    return _proven(report.checked or "", branch.branch, report.evidence)


def _key(run: RunContext, story: Story) -> str:
    return f"{run.workflow_id(story)}#no-change"
