"""All that the database knows of one run, read in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from activities.reports import REPORT
from activities.sprint_records import all_events
from paceline.domain.changes import changed_plan
from paceline.domain.claims import DecisionRecord
from paceline.domain.completion import CompletionCheck
from paceline.domain.events import Event, EventType
from paceline.domain.measurements import AimState, Measurement
from paceline.domain.plan import Plan
from paceline.domain.proof import Proof
from paceline.domain.questions import Question
from paceline.domain.reports import Report
from paceline.domain.retro_entries import RetroEntry
from paceline.domain.rollback import Rollback
from paceline.domain.status import Artifact, ProjectStatus, Run
from paceline.store import (
    artifacts,
    changes,
    claim_decisions,
    completion,
    measurements,
    proofs,
    questions,
    reports,
    rollbacks,
    runs,
    status,
)

BUNDLE = "bundle"
"""Kind of the artifact that a bundle is."""
_PAGE = 1000
NEVER_DEAD = 1e9
"""Whether an agent looks dead depends on the clock; a bundle does not."""
QUESTIONS = 10_000


@dataclass(frozen=True)
class RunRecord:
    """All that the database knows of one run, read in one transaction."""

    run: Run
    plan: Plan
    plan_text: str
    in_force: Plan
    """The plan with the changes of people."""
    completion: CompletionCheck
    status: ProjectStatus
    events: list[Event]
    questions: list[Question]
    proofs: list[Proof]
    decisions: list[DecisionRecord]
    artifacts: list[Artifact]
    reports: list[Report] = field(default_factory=list[Report])
    """Of its sprints, oldest first."""
    entries: list[RetroEntry] = field(default_factory=list[RetroEntry])
    """What people added to retrospectives."""
    aims: list[AimState] = field(default_factory=list[AimState])
    """Metrics and success criteria, and what they came to."""
    measurements: list[Measurement] = field(default_factory=list[Measurement])
    rollbacks: list[Rollback] = field(default_factory=list[Rollback])

    @property
    def sprints(self) -> list[str]:
        """Sprints that have stories, in the order of the plan."""
        return list(dict.fromkeys(story.sprint for story in self.status.stories))


def read_record(session: Session, project: str) -> RunRecord:
    """Read a run.

    Raises:
        NotFound: there is no such run.
    """
    run = runs.get_run(session, project)
    return RunRecord(
        run=run,
        plan=runs.load_plan(session, run.plan_digest),
        plan_text=runs.plan_text(session, run.plan_digest),
        status=status.project_status(session, project, NEVER_DEAD),
        events=[event for event in all_events(session, project) if not _is_of_bundle(event)],
        questions=questions.list_questions(session, project, None, QUESTIONS),
        proofs=proofs.proofs_of(session, project),
        decisions=list(_all_decisions(session, project)),
        # Reports are written anew, with what people added to them since.
        artifacts=[a for a in artifacts.list_artifacts(session, project) if a.kind not in (BUNDLE, REPORT)],
        reports=reports.reports_of(session, project)[::-1],
        entries=reports.entries_of(session, project),
        aims=measurements.states_of(session, project),
        measurements=measurements.measurements_of(session, project),
        in_force=plan_in_force(session, project),
        completion=completion.look(session, project),
        rollbacks=rollbacks.rollbacks_of(session, project),
    )


def plan_in_force(session: Session, project: str) -> Plan:
    """The plan that a run follows now, with all that people changed."""
    _, plan, changed = changes.run_in_force(session, project)
    return changed_plan(plan, changed)


def _all_decisions(session: Session, project: str) -> Iterator[DecisionRecord]:
    after = 0
    while page := claim_decisions.decisions_of(session, project, after=after, limit=_PAGE):
        yield from page
        after = page[-1].number


def _is_of_bundle(event: Event) -> bool:
    return event.type is EventType.ARTIFACT_CREATED and event.data.get("kind") == BUNDLE
