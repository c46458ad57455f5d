"""Where stories, agents and runs stand: projections, written by idempotent activities."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from types import EllipsisType
from typing import Any

from sqlalchemy import ColumnElement, Executable, Table, bindparam, case, func, null, select, update
from sqlalchemy.orm import Session

from paceline.domain.changes import ChangeKind
from paceline.domain.pauses import SAYING, pauses_of
from paceline.domain.replacing import absences
from paceline.domain.states import FINAL_STATES, AgentState, RunState, StoryState
from paceline.domain.status import AgentStatus, Away, ListedRun, Pause, ProjectStatus, Run, StoryStatus
from paceline.domain.steering import SteerScope
from paceline.errors import NotFound, Refused
from paceline.store.changes import changes_of
from paceline.store.events import event_of, events_named, last_number
from paceline.store.models import AgentHistoryRow, AgentRow, RunRow, StoryRow, table
from paceline.store.paging import By, Key, has_member, paged
from paceline.store.questions import count_open
from paceline.store.runs import get_run
from paceline.store.scopes import Within, is_within
from paceline.store.stands import percent_done, story_counts, story_stands
from paceline.store.statements import dialect_of, insert_into, now, read_clock
from paceline.store.waits import explain_dependencies, explain_waits

_STORIES = table(StoryRow)
_AGENTS = table(AgentRow)
_HISTORY = table(AgentHistoryRow)
_NOTE_HISTORY = _HISTORY.insert()
_UNDER_WORK = [state.value for state in (StoryState.WORKING, StoryState.VERIFYING, StoryState.MERGING)]
_FINAL = sorted(state.value for state in FINAL_STATES)


def ended_marks(session: Session) -> dict[str, str]:
    """What changes whenever a story of a run ends or starts again, by the id of each run that goes on."""
    query = (
        select(StoryRow.project, func.count(), func.max(StoryRow.updated_at))
        .join(RunRow, RunRow.id == StoryRow.project)
        .where(RunRow.state == RunState.RUNNING.value, StoryRow.state.in_(_FINAL))
        .group_by(StoryRow.project)
    )
    return {project: f"{count} {newest}" for project, count, newest in session.execute(query)}


def plan_stories(session: Session, project: str, stories: Sequence[StoryStatus]) -> None:
    """Write the first status of a run's stories, in plan order; what is there stays as it is."""
    rows = [
        {**story.model_dump(), "state": story.state.value, "project": project, "position": position}
        for position, story in enumerate(stories)
    ]
    if rows:
        session.connection().execute(
            insert_into(dialect_of(session), StoryRow).on_conflict_do_nothing(), rows
        )


def set_story(
    session: Session,
    project: str,
    story: str,
    *,
    state: StoryState | None = None,
    attempt: int | None = None,
    reason: str | EllipsisType | None = ...,
    reason_code: str | EllipsisType | None = ...,
    workflow_id: str | EllipsisType | None = ...,
    fence: int | EllipsisType | None = ...,
    merge_commit: str | EllipsisType | None = ...,
    summary: str | EllipsisType | None = ...,
) -> StoryStatus:
    """Change the given fields of a story's status.

    A new state without a reason clears the old reason. A final state is never left: then nothing changes.

    Returns:
        The stored status.

    Raises:
        NotFound: the story was not planned.
    """
    optional: dict[str, Any] = {
        "reason": reason,
        "reason_code": reason_code,
        "workflow_id": workflow_id,
        "fence": fence,
        "merge_commit": merge_commit,
        "summary": summary,
    }
    values: dict[str, Any] = {name: value for name, value in optional.items() if value is not ...}
    if attempt is not None:
        values["attempt"] = attempt
    change = _changing_story(dialect_of(session), frozenset(values), state is not None)
    if state is not None:
        values |= {"state": state.value, "entered": state.value}
    values |= {"of": project, "which": story}
    row = session.connection().execute(change, values).mappings().one_or_none()
    return to_story(row) if row is not None else story_status(session, project, story)


@cache
def _changing_story(dialect: str, given: frozenset[str], enters: bool) -> Executable:
    """The UPDATE for these columns and, if a state is entered, the rules of entering it."""
    change = update(_STORIES).where(
        _STORIES.c.project == bindparam("of"), _STORIES.c.id == bindparam("which")
    )
    if enters:
        entered = bindparam("entered", type_=_STORIES.c.state.type)
        change = change.where(_STORIES.c.state.not_in(_FINAL) | (_STORIES.c.state == entered))
        for column in (_STORIES.c.reason, _STORIES.c.reason_code):
            if column.name not in given:
                kept = case((_STORIES.c.state == entered, column), else_=null())
                change = change.values({column: kept})
    return change.values(updated_at=now(dialect)).returning(_STORIES)


def busy_agents(session: Session, project: str, besides: str) -> frozenset[str]:
    """Agents with a story under work, verification or merge, other than the one named."""
    query = select(_STORIES.c.agents).where(
        _STORIES.c.project == project, _STORIES.c.state.in_(_UNDER_WORK), _STORIES.c.id != besides
    )
    found = session.connection().execute(query).scalars()
    return frozenset(name for agents in found for name in agents)


def story_status(session: Session, project: str, story: str) -> StoryStatus:
    """Where one story stands.

    Raises:
        NotFound: the story was not planned.
    """
    query = select(_STORIES).where(_STORIES.c.project == project, _STORIES.c.id == story)
    row = session.connection().execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound(
            f"Project {project} has no story {story}; see its status.", project=project, story=story
        )
    return to_story(row)


def story_statuses(session: Session, project: str) -> list[StoryStatus]:
    """Where a project's stories stand, in plan order."""
    query = select(_STORIES).where(_STORIES.c.project == project)
    rows = session.connection().execute(query.order_by(_STORIES.c.position, _STORIES.c.id)).mappings()
    return [to_story(row) for row in rows]


def find_stories(
    session: Session,
    project: str,
    limit: int | None = None,
    after: Key | None = None,
    *,
    states: Collection[StoryState] = (),
    epic: str | None = None,
    sprint: str | None = None,
    agent: str | None = None,
) -> list[tuple[int, StoryStatus]]:
    """Stories as they are shown to people, in plan order, each with its place there.

    Args:
        session: any transaction.
        project: the run.
        limit: None: all.
        after: place and id of the story before the first.
        states: none: in any.
        epic, sprint, agent: None: of any.
    """
    query = select(_STORIES).where(_STORIES.c.project == project)
    if states:
        query = query.where(_STORIES.c.state.in_([each.value for each in states]))
    for column, wanted in ((_STORIES.c.epic, epic), (_STORIES.c.sprint, sprint)):
        if wanted is not None:
            query = query.where(column == wanted)
    if agent is not None:
        query = query.where(has_member(session, _STORIES.c.agents, agent))
    query = paged(query, (By(_STORIES.c.position), By(_STORIES.c.id)), after, limit)
    rows = session.connection().execute(query).mappings().all()
    found = [(int(row["position"]), to_story(row)) for row in rows]
    explain_waits(session, [story for _, story in found])
    return found


def shown_stories(session: Session, project: str) -> list[StoryStatus]:
    """The same for people: who waits behind somebody that waits for an answer says so."""
    found = story_statuses(session, project)
    explain_waits(session, found)
    explain_dependencies(found)
    return found


def unended(session: Session, project: str) -> list[str]:
    """Ids of the stories that have not ended, in plan order."""
    final = [state.value for state in FINAL_STATES]
    query = select(_STORIES.c.id).where(_STORIES.c.project == project, _STORIES.c.state.not_in(final))
    return list(session.connection().execute(query.order_by(_STORIES.c.position, _STORIES.c.id)).scalars())


def set_agent(
    session: Session,
    project: str,
    agent: str,
    state: AgentState,
    *,
    story: str | None = None,
    detail: str | None = None,
) -> AgentStatus:
    """Say what an agent does now; a change is also kept in its history. It counts as a heartbeat.

    Raises:
        Refused: DEAD, which is derived and never said.
    """
    if state is AgentState.DEAD:
        raise Refused("Nobody says that an agent is dead; leave its heartbeat silent.", agent=agent)
    dialect, connection = dialect_of(session), session.connection()
    does = {"project": project, "agent": agent, "state": state.value, "story": story, "detail": detail}
    row = connection.execute(_changing_agent(dialect), does).mappings().one_or_none()
    if row is None:
        alive = connection.execute(_beating(dialect), {"of": project, "who": agent})
        return _agent(alive.mappings().one())
    connection.execute(_NOTE_HISTORY, {**does, "at": row["updated_at"]})
    return _agent(row)


@cache
def _changing_agent(dialect: str) -> Executable:
    """The UPSERT that returns a row only where something is new."""
    insert = insert_into(dialect, AgentRow).values(last_heartbeat=now(dialect), updated_at=now(dialect))
    differs = (
        (_AGENTS.c.state != insert.excluded.state)
        | _AGENTS.c.story.is_distinct_from(insert.excluded.story)
        | _AGENTS.c.detail.is_distinct_from(insert.excluded.detail)
    )
    names = ("state", "story", "detail", "last_heartbeat", "updated_at")
    replaced = {name: insert.excluded[name] for name in names}
    upsert = insert.on_conflict_do_update(index_elements=["project", "agent"], set_=replaced, where=differs)
    return upsert.returning(_AGENTS)


def free_agents(session: Session, project: str, agents: Collection[str], story: str) -> list[str]:
    """Make agents idle that a story was taken from; that is no sign of life from them.

    Args:
        session: in a write transaction.
        project: the run.
        agents: who had the story.
        story: the story; who does another one now stays as it is.

    Returns:
        Those that are idle by this.
    """
    freed = (
        update(_AGENTS)
        .where(_AGENTS.c.project == project, _AGENTS.c.agent.in_(agents), _AGENTS.c.story == story)
        .values(state=AgentState.IDLE.value, story=None, detail=None, updated_at=now(dialect_of(session)))
        .returning(_AGENTS)
    )
    rows = session.connection().execute(freed).mappings().all()
    for row in rows:
        does = {name: row[name] for name in ("project", "agent", "state", "story", "detail")}
        session.connection().execute(_NOTE_HISTORY, {**does, "at": row["updated_at"]})
    return sorted(row["agent"] for row in rows)


def heartbeat_agent(session: Session, project: str, agent: str) -> None:
    """Note that an agent is alive, by the database's clock."""
    session.connection().execute(_beating(dialect_of(session)), {"of": project, "who": agent})


def agent_statuses(
    session: Session,
    project: str | None = None,
    dead_after: float = 30.0,
    within: Within = None,
    *,
    states: Collection[AgentState] = (),
    limit: int | None = None,
    after: Key | None = None,
) -> list[AgentStatus]:
    """What agents do, in alphabetical order.

    Args:
        session: any transaction.
        project: None: of every project.
        dead_after: an agent that works and was silent for more than so many seconds is DEAD.
        within: the projects that may be shown; None: all.
        states: none: in any.
        limit: None: all.
        after: project and name of the agent before the first.
    """
    moment = read_clock(session)
    query = paged(select(_AGENTS), (By(_AGENTS.c.project), By(_AGENTS.c.agent)), after, limit)
    if states:
        query = query.where(_is_in(states, moment - timedelta(seconds=dead_after)))
    if project is not None:
        query = query.where(_AGENTS.c.project == project)
    if within is not None:
        query = query.where(is_within(_AGENTS.c.project, within))
    found = [_agent(row) for row in session.connection().execute(query).mappings()]
    for status in found:
        beat = status.last_heartbeat
        silent = beat is None or (moment - beat).total_seconds() > dead_after
        if status.state is AgentState.WORKING and silent:
            status.state = AgentState.DEAD
    return found


def _is_in(states: Collection[AgentState], silent_since: datetime) -> ColumnElement[bool]:
    """Whether an agent's derived state is one of these."""
    said = [state.value for state in states if state not in (AgentState.DEAD, AgentState.WORKING)]
    works = _AGENTS.c.state == AgentState.WORKING.value
    silent = _AGENTS.c.last_heartbeat.is_(None) | (_AGENTS.c.last_heartbeat < silent_since)
    found = _AGENTS.c.state.in_(said)
    if AgentState.DEAD in states:
        found |= works & silent
    if AgentState.WORKING in states:
        found |= works & ~silent
    return found


def agent_history(
    session: Session,
    agent: str,
    project: str | None = None,
    limit: int | None = 100,
    within: Within = None,
) -> list[AgentStatus]:
    """What an agent did, newest first, at most `limit` changes."""
    return [change for _, change in agent_changes(session, agent, project, limit, within)]


def agent_changes(
    session: Session,
    agent: str,
    project: str | None = None,
    limit: int | None = 100,
    within: Within = None,
    after: Key | None = None,
) -> list[tuple[int, AgentStatus]]:
    """The same with their numbers, beyond a number."""
    query = paged(select(_HISTORY).where(_HISTORY.c.agent == agent), [By(_HISTORY.c.id, True)], after, limit)
    if project is not None:
        query = query.where(_HISTORY.c.project == project)
    if within is not None:
        query = query.where(is_within(_HISTORY.c.project, within))
    return [
        (int(row["id"]), _agent({**row, "last_heartbeat": None, "updated_at": row["at"]}))
        for row in session.connection().execute(query).mappings()
    ]


def project_status(
    session: Session, project: str, dead_after: float = 30.0, *, with_stories: bool = True
) -> ProjectStatus:
    """A run with its stories, its agents, and how far it is.

    Args:
        session: any transaction.
        project: the run's id.
        dead_after: as in `agent_statuses`, in seconds.
        with_stories: false: none are listed, which is as fast for thousands of them as for ten.

    Raises:
        NotFound: there is no such run.
    """
    run = get_run(session, project)
    counts, removed = story_counts(session, project)
    agents = agent_statuses(session, project, dead_after)
    ended = event_of(session, project, end_key(project)) if run.ended_at is not None else None
    return ProjectStatus(
        run=run,
        counts=counts,
        removed=removed,
        percent=percent_done(counts),
        stories=shown_stories(session, project) if with_stories else [],
        agents=agents,
        open_questions=count_open(session, project),
        last_event=last_number(session, project),
        forced_by=None if ended is None else ended.data.get("forced_by"),
        end_reason=None if ended is None else ended.data.get("reason"),
        paused=[] if run.ended_at is not None else _paused(session, project),
        away=[] if run.ended_at is not None else _away(session, project, agents),
    )


def _paused(session: Session, project: str) -> list[Pause]:
    said = events_named(session, project, SAYING)
    return pauses_of(said, story_stands(session, project)) if said else []


def listed(session: Session, runs: Sequence[Run]) -> list[ListedRun]:
    """Runs as a list of them shows them, with those that are paused as a whole."""
    return [ListedRun(**run.model_dump(), paused=_pause_of(session, run)) for run in runs]


def _pause_of(session: Session, run: Run) -> Pause | None:
    if run.ended_at is not None:
        return None
    found = pauses_of(events_named(session, run.id, SAYING), [])
    return next((pause for pause in found if pause.scope is SteerScope.PROJECT), None)


def _away(session: Session, project: str, agents: Sequence[AgentStatus]) -> list[Away]:
    beats = {agent.agent: agent.last_heartbeat for agent in agents}
    return absences(changes_of(session, project, ChangeKind.AWAY), read_clock(session), beats)


def end_key(project: str) -> str:
    """Key of the event of a run's end."""
    return f"{project}#ended"


@cache
def _beating(dialect: str) -> Executable:
    beat = update(_AGENTS).where(_AGENTS.c.project == bindparam("of"), _AGENTS.c.agent == bindparam("who"))
    return beat.values(last_heartbeat=now(dialect)).returning(_AGENTS)


def _fields(row: Mapping[str, Any] | Any, of: Table, without: Sequence[str]) -> dict[str, Any]:
    return {column.name: row[column.name] for column in of.columns if column.name not in without}


def to_story(row: Mapping[str, Any] | Any) -> StoryStatus:
    """A story's status from its row."""
    return StoryStatus.model_validate(_fields(row, _STORIES, ("project", "position")))


def _agent(row: Mapping[str, Any] | Any) -> AgentStatus:
    return AgentStatus.model_validate(_fields(row, _AGENTS, ()))
