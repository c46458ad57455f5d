"""Bring what a person wants of a run to the workflow that can do it."""

from __future__ import annotations

import asyncio
import uuid
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field
from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from activities.context import RunContext, run_now
from api.answers import EARLY_DELAYS, UPDATE_SECONDS
from api.temporal import RPC_TIMEOUT, is_not_found, unavailable, update_workflow
from paceline.domain import ids
from paceline.domain.events import Event
from paceline.domain.exchange import NAME_LIMIT
from paceline.domain.model import Model
from paceline.domain.rollback import find_story
from paceline.domain.states import FINAL_STATES, RunState, StoryState
from paceline.domain.steering import (
    RULES,
    PartState,
    Standing,
    Steer,
    SteerAction,
    SteerReceipt,
    SteerScope,
    refusal,
)
from paceline.domain.texts import called
from paceline.errors import Conflict, NotFound
from paceline.store import events, status
from paceline.store.database import Database
from workflows.steering import ELSEWHERE, Steerable

Name = Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)]


class SteerRequest(Model):
    """An action on a story, an epic, a sprint or, where none is named, the whole run."""

    id: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Makes it idempotent: the first of an id is done; default: a new one."
    )
    action: SteerAction
    sprint: Name | None = None
    epic: Name | None = Field(default=None, description="In `sprint`, which may be left out where it is one.")
    story: Name | None = Field(default=None, description="Its id, or the end of it.")
    actor: Name = "unknown"
    reason: str = Field(default="", max_length=2000)
    agents: list[Name] = Field(default_factory=list[str], max_length=50, description="For `reassign`.")
    priority: str = Field(default="", max_length=50, description="For `reprioritise`.")
    max_parallel: int = Field(default=0, ge=0, le=10_000, description="For `set_max_parallel`.")
    now: bool = Field(default=False, description="For `pause`: stop an agent that works.")

    @property
    def scope(self) -> SteerScope:
        """What is named: the story before its epic, and that before its sprint."""
        named = (SteerScope.STORY, self.story), (SteerScope.EPIC, self.epic), (SteerScope.SPRINT, self.sprint)
        return next((scope for scope, name in named if name is not None), SteerScope.PROJECT)


class SteerReply(Model):
    """What became of an action."""

    id: str
    state: Literal["taken", "sent"]
    """`sent`: no worker is there to take it now; it is taken when one runs, if it is allowed then."""
    action: SteerAction
    scope: SteerScope
    target: str
    actor: str
    revision: int = 0
    message: str


class Target(NamedTuple):
    """What is meant, and which workflows to ask, in this order."""

    scope: SteerScope
    name: str
    asked: list[tuple[str, dict[str, str]]]
    """Workflow ids, each with what it is asked about where that is not itself."""


class _Elsewhere(Exception):
    """Another workflow is to be asked, or this one in a moment."""


async def give_steer(database: Database, client: Client, project: str, wish: SteerRequest) -> SteerReply:
    """Give an action as an update; where no worker takes it in time, send it as a signal.

    Args:
        database: where the run is.
        client: the Temporal client.
        project: id of the run.
        wish: what is asked.

    Raises:
        NotFound: no such run, sprint, epic or story.
        Conflict: it is refused; the message says why and what to do.
        ServerUnavailable: Temporal does not answer.
    """
    run = await database.read(run_now, project)
    target = await _target(database, run, wish)
    steer = Steer(
        id=wish.id or uuid.uuid4().hex, **wish.model_dump(exclude={"id", "sprint", "epic", "story"})
    )
    done = await database.read(events.event_of, project, f"steer#{steer.id}")
    if done is not None:
        return _again(done, steer, target)
    if run.run.state is not RunState.RUNNING:
        raise Conflict(
            f"Run {project} has already ended: it is {run.run.state}. Start its plan again with `--rerun`.",
            state=run.run.state.value,
        )
    _refuse_at_once(steer, target)
    return await _give(client, steer, target)


async def _give(client: Client, steer: Steer, target: Target) -> SteerReply:
    refused = Conflict(f"{target.name} does not run now: it has not started, or has ended.")
    for delay in EARLY_DELAYS:
        missing = 0
        for workflow_id, part in target.asked:
            asked = steer.model_copy(update=part)
            handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(workflow_id)
            try:
                async with asyncio.timeout(UPDATE_SECONDS):
                    return _reply(await _update(client, workflow_id, asked), target)
            except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
                return await _send(handle, asked, target)
            except _Elsewhere as error:
                refused = Conflict(str(error))
            except (RPCError, RuntimeError) as error:
                if not is_not_found(error):
                    raise unavailable(error, "nothing was done, try again") from error
                missing += 1
        if missing == len(target.asked) or delay is None:
            raise refused
        await asyncio.sleep(delay)
    raise AssertionError("the last delay is None")


async def _update(client: Client, workflow_id: str, steer: Steer) -> SteerReceipt:
    try:
        return await update_workflow(client, workflow_id, "steer", steer, SteerReceipt)
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        if isinstance(cause, ApplicationError) and cause.type == ELSEWHERE:
            raise _Elsewhere(cause.message) from error
        reason = cause.message if isinstance(cause, ApplicationError) else str(cause)
        raise Conflict(reason, action=steer.action.value) from error


async def _send(handle: WorkflowHandle[Any, Any], steer: Steer, target: Target) -> SteerReply:
    try:
        await handle.signal(Steerable.steer_by_signal, steer, rpc_timeout=RPC_TIMEOUT)
    except (RPCError, RuntimeError) as error:
        if is_not_found(error):
            raise Conflict(f"{target.name} has ended.") from error
        raise unavailable(error, "nothing was done, try again") from error
    return SteerReply(
        id=steer.id,
        state="sent",
        action=steer.action,
        scope=target.scope,
        target=target.name,
        actor=steer.actor,
        message="Sent, but no worker runs to take it now; when one runs it is taken, or an event "
        "`steer.refused` says why not.",
    )


def _reply(receipt: SteerReceipt, target: Target) -> SteerReply:
    if not receipt.accepted:
        raise _taken(receipt.id, receipt.actor, receipt.action.value)
    return SteerReply(
        id=receipt.id,
        state="taken",
        action=receipt.action,
        scope=target.scope,
        target=target.name,
        actor=receipt.actor,
        revision=receipt.revision,
        message=receipt.effect,
    )


def _again(done: Event, steer: Steer, target: Target) -> SteerReply:
    """The id is known: what its first action did."""
    action, actor = str(done.data["action"]), done.actor
    if (action, actor) != (steer.action.value, steer.actor):
        raise _taken(steer.id, actor, action)
    receipt = SteerReceipt(
        id=steer.id,
        accepted=True,
        action=steer.action,
        actor=actor,
        effect=str(done.data["effect"]),
        revision=int(done.data["revision"]),
    )
    return _reply(receipt, target)


def _taken(id: str, actor: str, action: str) -> Conflict:
    return Conflict(f"The id {id} was already used by {actor} for {action}; give a new one.", actor=actor)


def _refuse_at_once(steer: Steer, target: Target) -> None:
    """What is wrong in every state is said without asking a workflow."""
    if steer.now and target.scope is not SteerScope.STORY:
        raise Conflict("Only the agent of a story is stopped at once; name the story, or leave out `now`.")
    rules = RULES[target.scope].get(steer.action)
    if rules is None:
        state = StoryState.PENDING if target.scope is SteerScope.STORY else PartState.RUNNING
        raise Conflict(refusal(steer, Standing(scope=target.scope, name=target.name, state=state)))


# What is meant ---


async def _target(database: Database, run: RunContext, wish: SteerRequest) -> Target:
    project = run.run.id
    if wish.story is not None:
        return await _story(database, run, wish)
    if wish.epic is not None:
        sprint = await _sprint_of_epic(database, run, wish.epic, wish.sprint)
        name = ids.epic_workflow_id(project, sprint, wish.epic)
        unbegun = (project, {"sprint": sprint, "epic": wish.epic})
        return Target(SteerScope.EPIC, called("Epic", wish.epic), [(name, {}), unbegun])
    if wish.sprint is not None:
        if wish.sprint not in {sprint.id for sprint in run.plan.sprints}:
            known = ", ".join(sprint.id for sprint in run.plan.sprints[:20])
            raise NotFound(f"Run {project} has no sprint {wish.sprint}; its sprints are {known}.")
        name = ids.sprint_workflow_id(project, wish.sprint)
        asked = [(name, dict[str, str]()), (project, {"sprint": wish.sprint})]
        return Target(SteerScope.SPRINT, called("Sprint", wish.sprint), asked)
    return Target(SteerScope.PROJECT, f"Run {project}", [(project, {})])


async def _story(database: Database, run: RunContext, wish: SteerRequest) -> Target:
    """The story; an epic and a sprint beside it have to be the ones that it is in."""
    story = run.story(find_story(list(run.stories), wish.story or ""))
    for part, named, true in (
        ("epic", wish.epic, run.epic_of(story)),
        ("sprint", wish.sprint, run.sprint_of(story)),
    ):
        if named not in (None, true):
            raise Conflict(
                f"{story.id} is in the {part} {true}, not in {named}; name the story alone or its own {part}."
            )
    row = await database.read(status.story_status, run.run.id, story.id)
    epic = ids.epic_workflow_id(run.run.id, run.sprint_of(story), run.epic_of(story))
    asked = [(run.workflow_id(story), dict[str, str]()), (epic, {"story": story.id})]
    if row.state is StoryState.PENDING or row.state in FINAL_STATES:
        asked.reverse()
    sprint, parts = run.sprint_of(story), {"epic": run.epic_of(story), "story": story.id}
    asked.append((run.run.id, {"sprint": sprint, **parts}))
    return Target(SteerScope.STORY, story.id, asked)


async def _sprint_of_epic(database: Database, run: RunContext, epic: str, sprint: str | None) -> str:
    """The sprint named, or the one in which the epic has stories that have not ended."""
    mine = [story for story in run.plan.stories if run.epic_of(story) == epic and not story.done]
    sprints = dict.fromkeys(run.sprint_of(story) for story in mine)
    if sprint is not None:
        sprints = {name: None for name in sprints if name == sprint}
    if not sprints:
        where = f" in {sprint}" if sprint else ""
        raise NotFound(f"Run {run.run.id} has no epic {epic} with stories{where}; see its status.")
    rows = await database.read(status.story_statuses, run.run.id)
    names = {story.id for story in mine}
    going = [row.sprint for row in rows if row.id in names and row.state not in FINAL_STATES]
    return next((name for name in sprints if name in going), list(sprints)[-1])
