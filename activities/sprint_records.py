"""Reading what the reports of a sprint are made of, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from activities.carrying import carry_key, part_key
from activities.context import RunContext
from paceline.domain.calendar import Calendar, CalendarOptions, counts_five_days
from paceline.domain.changes import ChangeKind, RunChange, changed_plan
from paceline.domain.chronicle import PlannedStory
from paceline.domain.events import Event
from paceline.domain.parts import Part, credited_sprints
from paceline.domain.plan import Plan, Story
from paceline.domain.reports import Report, ReportKind
from paceline.domain.retro_entries import RetroEntry
from paceline.domain.retrospective import improvements
from paceline.domain.sprint_record import SprintRecord
from paceline.domain.standup import standup
from paceline.domain.states import FINAL_STATES
from paceline.store import changes, events, measurements, proofs, reports, status
from paceline.store.statements import read_clock

_PAGE = 1000


def read_sprint(session: Session, project: str, sprint: str, started_at: datetime) -> SprintRecord:
    """One sprint of a run with its log and its stored reports.

    Args:
        session: any transaction.
        project: the run.
        sprint: its key.
        started_at: when it started, where its planning report does not say it.

    Raises:
        NotFound: there is no such run.
    """
    run, plan, changed = changes.run_in_force(session, project)
    # Agents are those of the moment that a report is for; everything else is as it is now.
    other = [change for change in staying(changed, sprint) if change.kind is not ChangeKind.AGENTS]
    context = RunContext(run, changed_plan(plan, other), "", tuple(changed))
    stored = reports.reports_of(session, project, sprint)[::-1]
    planning = next((each for each in stored if each.kind is ReportKind.PLANNING), None)
    start = datetime.fromisoformat(planning.data["period"]["since"]) if planning is not None else started_at
    earlier, log = _earlier(session, context, sprint), list(all_events(session, project))
    done = parts_before(context, log, sprint)
    return SprintRecord(
        plan=context.plan,
        sprint=sprint,
        stories=[planned_story(context, story, done.get(story.id, set())) for story in context.plan.stories],
        events=log,
        calendar=Calendar(start, run.options.calendar or CalendarOptions(), counts_five_days(context.plan)),
        changes=changed,
        proofs=proofs.proofs_of(session, project),
        reports=stored,
        earlier=earlier,
        entries=_entries_before(session, earlier),
        measurements=measurements.measurements_of(session, project),
    )


def wanted_improvements(session: Session, run: RunContext, sprint: str) -> list[str]:
    """What the retrospective before a sprint asks for, with what people added to it up to now."""
    earlier = _earlier(session, run, sprint)
    last = _last_retrospective(earlier)
    return improvements(last.data if last else None, _entries_before(session, earlier))


def all_events(session: Session, project: str) -> Iterator[Event]:
    """The whole log of a run."""
    after = 0
    while page := events.events_after(session, project, after, _PAGE):
        yield from page
        after = page[-1].number


def _earlier(session: Session, run: RunContext, sprint: str) -> list[Report]:
    """Reports of the sprints before: of earlier runs of the project, then of this one, oldest first."""
    order = [each.id for each in run.plan.sprints]
    before = set(order[: order.index(sprint)]) if sprint in order else set[str]()
    kinds = (ReportKind.VELOCITY, ReportKind.RETROSPECTIVE)
    found = reports.reports_of_earlier_runs(session, run.run.id, kinds)
    own = [
        each
        for kind in kinds
        for each in reports.reports_of(session, run.run.id, kind=kind)
        if each.sprint in before
    ]
    return [*found, *sorted(own, key=lambda each: (each.made_at, each.number))]


def _last_retrospective(earlier: Sequence[Report]) -> Report | None:
    return next((each for each in reversed(earlier) if each.kind is ReportKind.RETROSPECTIVE), None)


def _entries_before(session: Session, earlier: Sequence[Report]) -> list[RetroEntry]:
    last = _last_retrospective(earlier)
    return reports.entries_of(session, last.project, last.sprint) if last is not None else []


def staying(changed: Sequence[RunChange], sprint: str) -> list[RunChange]:
    """The changes without those by which stories left a sprint at its end: its reports count them."""
    gone: set[str] = set()
    found: list[RunChange] = []
    for change in changed:
        if change.kind is ChangeKind.SPRINT:
            if change.key in (part_key(sprint, change.target), carry_key(sprint, change.target)):
                gone.add(change.target)
            if change.target in gone:
                continue
        found.append(change)
    return found


def parts_before(run: RunContext, log: Sequence[Event], sprint: str) -> Mapping[str, set[str]]:
    """By story, the sprints before this one that did a part of it."""
    order = run.sprint_order
    before = set(order[: order.index(sprint)]) if sprint in order else set[str]()
    told = (event for event in log if event.name == "story.part_done" and event.data.get("part"))
    parts = [(str(event.story), Part.model_validate(event.data["part"]).sprint) for event in told]
    return credited_sprints((story, where) for story, where in parts if where in before)


def planned_story(run: RunContext, story: Story, parts_done: Collection[str]) -> PlannedStory:
    """A story as the figures of its sprint count it; `parts_done` are the sprints before that did a part."""
    sprint = run.sprint_of(story)
    part = run.part_of(story, parts_done)
    return PlannedStory(
        id=story.id,
        title=story.title,
        sprint=sprint,
        epic=run.epic_of(story),
        agents=tuple(dict.fromkeys(story.agents)),
        points=part.points if part is not None else story.points,
        dependencies=tuple(run.edges.get(story.id, [])),
        phase=story.phase,
        done=bool(story.done),
        workflow_id=run.workflow_id(story),
        in_parts=part is not None,
    )


def current_sprint(session: Session, project: str) -> tuple[str, datetime]:
    """The sprint that a run is in, or was in last, and when it started as far as anybody knows.

    Raises:
        NotFound: there is no such run.
    """
    run, plan, _ = changes.run_in_force(session, project)
    begun = reports.reports_of(session, project, kind=ReportKind.PLANNING, limit=1)
    if begun:
        return begun[0].sprint, run.started_at
    left = [row.sprint for row in status.story_statuses(session, project) if row.state not in FINAL_STATES]
    return (left[0] if left else plan.sprints[-1].id), run.started_at


def sprint_to_look_back_on(session: Session, project: str) -> str:
    """The sprint whose retrospective people add to: the last one that ended; before that the current one."""
    ended = reports.reports_of(session, project, kind=ReportKind.RETROSPECTIVE, limit=1)
    return ended[0].sprint if ended else current_sprint(session, project)[0]


def standup_now(session: Session, project: str) -> tuple[Report, Plan]:
    """The standup of this moment, which is not stored; with the plan whose words it uses.

    Raises:
        NotFound: there is no such run.
    """
    sprint, started_at = current_sprint(session, project)
    record = read_sprint(session, project, sprint, started_at)
    now = read_clock(session)
    found = standup(record, now)
    made = Report(
        project=project,
        sprint=sprint,
        kind=ReportKind.STANDUP,
        number=found.period.last_day,
        made_at=now,
        data=found.model_dump(mode="json"),
    )
    return made, record.plan
