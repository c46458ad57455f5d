"""The forecast of a sprint that runs: renewed when stories end and when days do, and people asked by it.

Nobody is asked about one sprint twice on one day, nor while the question before is open.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.context import ActivityContext, RunContext
from activities.sprint_records import parts_before, planned_story
from paceline.contracts import CONTROL_TASK_QUEUE
from paceline.domain import ids
from paceline.domain.burndown import weigh
from paceline.domain.calendar import Calendar, CalendarOptions, counts_five_days, planned_days
from paceline.domain.events import EventDraft, EventType
from paceline.domain.pace import Pace, Verdict, pace_of
from paceline.domain.reports import ReportKind
from paceline.domain.scope import ScopeInput
from paceline.domain.status import ScopePolicy
from paceline.domain.work import is_rehearsal
from paceline.store import events, questions, reports, status

RENEWED = "forecast.changed"
"""Name of the event of a sprint whose forecast says something else than before."""


async def renew_forecast(context: ActivityContext, project: str, sprint: str, now: datetime) -> Pace | None:
    """Look how long a sprint will take, and have people asked where that is too long, or leaves room.

    Args:
        context: the services of this process.
        project: the run.
        sprint: one whose days are reported.
        now: the moment.

    Returns:
        None where the sprint has not been planned yet, so that nobody knows when it began.
    """
    run = await context.newest(project)
    pace = await context.database.read(read_pace, run, sprint, now)
    if pace is None:
        return None
    verdict = pace.verdict
    known = verdict in (Verdict.LATE, Verdict.AHEAD, Verdict.ON_SCHEDULE)
    if known and await context.database.read(_is_news, project, pace):
        await context.database.write(_tell, project, pace)
    if verdict in (Verdict.LATE, Verdict.AHEAD) and _asks(run, verdict):
        await _ask(context, project, pace)
    return pace


def read_pace(session: Session, run: RunContext, sprint: str, now: datetime) -> Pace | None:
    """The pace of a sprint, from where its stories stand: the log is not read.

    Args:
        session: any transaction.
        run: as it is in force.
        sprint: its key.
        now: the moment.
    """
    made = reports.reports_of(session, run.run.id, sprint, ReportKind.PLANNING, limit=1)
    if not made:
        return None
    start = datetime.fromisoformat(made[0].data["period"]["since"])
    options = run.run.options.calendar or CalendarOptions()
    calendar = Calendar(start, options, counts_five_days(run.plan))
    parts = parts_before(run, events.events_named(session, run.run.id, ["story.part_done"]), sprint)
    every = [planned_story(run, story, parts.get(story.id, set())) for story in run.plan.stories]
    stories = [story for story in every if story.sprint == sprint and not story.done]
    written = next((each for each in run.plan.sprints if each.id == sprint), None)
    return pace_of(
        sprint,
        stories,
        {row.id: row.state for row in status.story_statuses(session, run.run.id)},
        weigh(stories, written.points_stated if written else None),
        calendar,
        planned_days(run.plan, sprint, calendar.days_a_week),
        now,
    )


def _asks(run: RunContext, verdict: Verdict) -> bool:
    """Whether people are asked about it; of a rehearsal nobody is."""
    options = run.run.options
    policy = options.late_sprints if verdict is Verdict.LATE else options.ahead_sprints
    return policy is not ScopePolicy.NEVER and not is_rehearsal(options.agents.values())


async def _ask(context: ActivityContext, project: str, pace: Pace) -> None:
    if pace.projected_days is None or pace.planned_days is None:
        return
    ahead = pace.verdict is Verdict.AHEAD
    await wake_beside(context, project, pace.sprint, ahead=not ahead)
    if await context.database.read(scope_workflows, project, pace.sprint, ahead):
        return
    found = ScopeInput(
        project=project,
        sprint=pace.sprint,
        day=int(pace.days),
        projected_days=pace.projected_days,
        planned_days=pace.planned_days,
        ahead=ahead,
    )
    try:
        await context.client.start_workflow(
            "scope",
            found,
            id=scope_workflow(project, pace.sprint, found.day, ahead=ahead),
            task_queue=CONTROL_TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )
    except WorkflowAlreadyStartedError:
        return


async def wake_beside(
    context: ActivityContext, project: str, sprint: str, *, ahead: bool | None = None
) -> None:
    """Have those that ask about a sprint's scope look whether the answer is still needed.

    Args:
        context: the services of this process.
        project, sprint: of which sprint.
        ahead: only those about a sprint that is ahead, or only about one that is late; None: all of them.
    """
    for name in await context.database.read(scope_workflows, project, sprint, ahead):
        await context.wake(name)


def scope_workflows(session: Session, project: str, sprint: str, ahead: bool | None = None) -> list[str]:
    """The workflows that wait for an answer about the scope of a sprint."""
    begin = scope_prefix(project, sprint)
    found = [name for name in questions.asking_beside(session, project) if name.startswith(begin)]
    return [name for name in found if ahead is None or name.startswith(f"{begin}ahead-") == ahead]


def scope_prefix(project: str, sprint: str) -> str:
    """How the ids of all workflows begin that ask about the scope of a sprint."""
    return f"{project}@scope/{ids.slug(sprint)}/"


def scope_workflow(project: str, sprint: str, day: int, *, ahead: bool = False) -> str:
    """The workflow id: one for a sprint, a day, and whether it is late or ahead."""
    return f"{scope_prefix(project, sprint)}{'ahead' if ahead else 'day'}-{day}"


def _is_news(session: Session, project: str, pace: Pace) -> bool:
    """Whether the sprint's forecast says something else than before."""
    told = events.events_named(session, project, [RENEWED])
    before = [each.data["verdict"] for each in told if each.data["sprint"] == pace.sprint]
    return before[-1:] != [pace.verdict.value]


def _tell(session: Session, project: str, pace: Pace) -> None:
    if not _is_news(session, project, pace):
        return
    told = EventDraft(
        key=f"forecast#{pace.sprint}#{pace.ended}#{pace.days:g}",
        type=EventType.WORKFLOW_EVENT,
        name=RENEWED,
        data={
            "sprint": pace.sprint,
            "verdict": pace.verdict.value,
            "projected_days": pace.projected_days,
            "planned_days": pace.planned_days,
            "days": pace.days,
        },
    )
    events.append_events(session, project, [told])
