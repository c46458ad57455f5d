"""What was measured of a run's metrics and success criteria: only ever added, the newest counts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from paceline.domain.aims import Aim, aims_of
from paceline.domain.changes import changed_plan
from paceline.domain.events import EventDraft, EventType
from paceline.domain.measurements import (
    AimState,
    Measurement,
    MeasurementDraft,
    MetricsReport,
    aim_states,
    sprint_verdicts,
)
from paceline.errors import NotFound
from paceline.store import events
from paceline.store.changes import run_in_force
from paceline.store.models import MeasurementRow, RunRow
from paceline.store.statements import read_clock


def add_measurements(session: Session, project: str, drafts: Sequence[MeasurementDraft]) -> list[Measurement]:
    """Add measurements; one whose id is known stays as it is.

    Args:
        session: in a write transaction.
        project: the run.
        drafts: in the order in which they were taken.

    Returns:
        Those that are new.

    Raises:
        NotFound: there is no such run.
    """
    # Two that add at once would take the same number; SQLite has one writer anyway.
    locked = select(RunRow.id).where(RunRow.id == project).with_for_update()
    if session.execute(locked).first() is None:
        raise NotFound(f"There is no run {project}; `paceline status` lists the runs.", project=project)
    known = set(session.scalars(select(MeasurementRow.id).where(MeasurementRow.project == project)))
    newest = select(func.max(MeasurementRow.number)).where(MeasurementRow.project == project)
    number, at = session.execute(newest).scalar_one() or 0, read_clock(session)
    new: list[Measurement] = []
    for draft in drafts:
        if draft.id in known:
            continue
        known.add(draft.id)
        number += 1
        made = Measurement(project=project, number=number, at=at, **draft.model_dump())
        plain = {"source": made.source.value, "verdict": made.verdict.value if made.verdict else None}
        session.add(MeasurementRow(**{**made.model_dump(), **plain}))
        new.append(made)
    session.flush()
    return new


def record_measurements(
    session: Session, project: str, aims: Sequence[Aim], drafts: Sequence[MeasurementDraft]
) -> list[Measurement]:
    """The same, and the log says of each new one what follows from it.

    Args:
        session, project, drafts: as for `add_measurements`.
        aims: of the plan in force.
    """
    new = add_measurements(session, project, drafts)
    told: list[EventDraft] = []
    for made in new:
        state = next((each for each in aim_states(aims, [made]) if each.measurement == made.id), None)
        told.append(
            EventDraft(
                key=f"{project}#measured#{made.id}",
                type=EventType.WORKFLOW_EVENT,
                name="metric.measured",
                actor=made.actor,
                data={
                    "metric": made.aim,
                    "kind": state.kind.value if state else None,
                    "target": made.target[:500],
                    "actual": str(made.quantity) if made.quantity is not None else None,
                    "verdict": state.verdict.value if state else None,
                    "reason": state.reason[:500] if state else made.note[:500],
                    "source": made.source.value,
                    "sprint": made.sprint or None,
                    "evidence": made.evidence,
                },
            )
        )
    events.append_events(session, project, told)
    return new


def measurements_of(session: Session, project: str) -> list[Measurement]:
    """All measurements of a run, oldest first."""
    query = select(MeasurementRow).where(MeasurementRow.project == project).order_by(MeasurementRow.number)
    return [
        Measurement.model_validate({name: getattr(row, name) for name in Measurement.model_fields})
        for row in session.execute(query).scalars()
    ]


def aims_in_force(session: Session, project: str) -> list[Aim]:
    """What a run's plan wants to be so, with the changes that people made.

    Raises:
        NotFound: there is no such run.
    """
    _, plan, changed = run_in_force(session, project)
    return aims_of(changed_plan(plan, changed))


def states_of(session: Session, project: str) -> list[AimState]:
    """Where every metric and success criterion of a run stands.

    Raises:
        NotFound: there is no such run.
    """
    return aim_states(aims_in_force(session, project), measurements_of(session, project))


def metrics_report(session: Session, project: str) -> MetricsReport:
    """The same, with what follows from it for the sprints.

    Raises:
        NotFound: there is no such run.
    """
    states = states_of(session, project)
    return MetricsReport(project=project, aims=states, sprints=sprint_verdicts(states))
