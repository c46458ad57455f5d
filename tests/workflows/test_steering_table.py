"""Every steering action in every state: allowed with its effect and its event, or refused with its reason."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import temporalio.client
from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from api.rollbacks import Wanted, ask
from paceline.domain.ids import epic_workflow_id, story_workflow_id
from paceline.domain.questions import Decision
from paceline.domain.rollback import RollbackKind
from paceline.domain.states import FINAL_STATES, StoryState
from paceline.domain.steering import FORCED, RULES, PartState, SteerAction, SteerScope
from paceline.domain.work import AgentDeclaration
from paceline.errors import Conflict
from paceline.store import changes, questions
from tests.sample_plans import E, S, plan
from tests.steering import ACTOR, events_named, rows, steer, until_state
from tests.workflows.test_split_stories import BAKERY
from tests.world import World, git_lines, scripted

pytestmark = pytest.mark.temporal

AGENTS = {
    "Waiter": AgentDeclaration(kind="simulated", simulated_seconds=(900.0, 900.0), concurrency=200),
    "Other": AgentDeclaration(kind="simulated", simulated_seconds=(900.0, 900.0), concurrency=200),
    "Quick": AgentDeclaration(kind="simulated", concurrency=200),
    "Failing": AgentDeclaration(kind="simulated", failure_rate=1.0, max_attempts=1, concurrency=200),
    "Person": AgentDeclaration(kind="human"),
}
STORY_RULES = RULES[SteerScope.STORY]
PENDING, CLAIMING, WORKING, PAUSED = (
    StoryState.PENDING,
    StoryState.CLAIMING,
    StoryState.WORKING,
    StoryState.PAUSED,
)
WAITING, SETTLED, FAILED = StoryState.WAITING_FOR_PERSON, StoryState.SETTLED, StoryState.FAILED
CANCELLED, SKIPPED, BLOCKED = StoryState.CANCELLED, StoryState.SKIPPED, StoryState.BLOCKED
SIMULATED = (PENDING, CLAIMING, WORKING, WAITING, PAUSED, SETTLED, FAILED, CANCELLED, SKIPPED, BLOCKED)
"""States that are reached without a repository."""
LANDING, LANDED = StoryState.VERIFYING, StoryState.MERGING
MERGED, REVERTED, PARTED = StoryState.MERGED, StoryState.REVERTED, StoryState.PART_DONE
MORE: dict[SteerAction, dict[str, Any]] = {
    SteerAction.REASSIGN: {"agents": ["Other"]},
    SteerAction.REPRIORITISE: {"priority": "Critical"},
    SteerAction.SET_MAX_PARALLEL: {"max_parallel": 3},
}


def allowed(action: SteerAction, state: StoryState) -> bool:
    """By the table; what is paused is not paused again, and nothing else is resumed."""
    if action is SteerAction.PAUSE and state is PAUSED:
        return False
    if action is SteerAction.RESUME:
        return state is PAUSED
    return action in STORY_RULES and state in STORY_RULES[action].effects


@dataclass
class Cells:
    """A story for every allowed action in a state, and one for all that are refused."""

    stories: dict[tuple[StoryState, SteerAction | None], str] = field(
        default_factory=dict[tuple[StoryState, SteerAction | None], str]
    )

    def add(self, states: Iterable[StoryState]) -> None:
        for state in states:
            for action in [None, *(each for each in SteerAction if allowed(each, state))]:
                self.stories[state, action] = f"Story 1.{len(self.stories) + 10}"

    def of(self, *states: StoryState) -> list[str]:
        return [story for (state, _), story in self.stories.items() if state in states]


def simulated_plan(cells: Cells) -> str:
    """One epic whose stories come to the states that they are for, with a little help."""
    agent = {SETTLED: "Quick", FAILED: "Failing", WAITING: "Person"}
    stories = [
        S("1.1", agent="Waiter", files=("lock.txt",)),
        S("1.2", agent="Failing"),
    ]
    for (state, _), story in cells.stories.items():
        depends = {PENDING: "Story 1.1", BLOCKED: "Story 1.2"}.get(state, "")
        files = ("lock.txt",) if state in (CLAIMING, PAUSED) else ()
        stories.append(S(story.split()[1], depends, agent.get(state, "Waiter"), files))
    return plan(E("1", stories), agents=tuple(AGENTS))


async def reach(world: World, project: str, cells: Cells) -> None:
    """Bring every story to the state that it is for."""
    await until_state(world, project, "Story 1.1", WORKING)
    failing = [*cells.of(FAILED), "Story 1.2"]

    async def asked() -> bool:
        found = await world.database.read(questions.list_questions, project)
        return {each.story for each in found} == {*failing, *cells.of(WAITING)}

    await world.until(asked, "the questions of those that fail or wait")
    found = await world.database.read(questions.list_questions, project)
    for question in found:
        if question.story in failing:
            await world.answer(question, Decision.REJECT)
    for state, action in ((CANCELLED, "cancel"), (SKIPPED, "skip"), (PAUSED, "pause")):
        for story in cells.of(state):
            await steer(world, project, action, story, reason="to get there")
    for (state, _), story in cells.stories.items():
        await until_state(world, project, story, state)


async def refuse_all(world: World, project: str, story: str, state: StoryState) -> None:
    """Everything that is refused in this state is, and changes neither status nor events of the story."""
    before = (await rows(world, project))[story]
    known = [event.number for event in await world.events(project) if event.story == story]
    assert before.state is state
    for action in SteerAction:
        if not allowed(action, state):
            more = MORE.get(action, {})
            with pytest.raises(Conflict) as refused:
                await steer(world, project, action, story, reason="try", **more)
            assert len(refused.value.message) > 20, (state, action)
    assert (await rows(world, project))[story] == before
    now = [event.number for event in await world.events(project) if event.story == story]
    assert now == known


async def do(world: World, project: str, story: str, state: StoryState, action: SteerAction) -> None:
    """An allowed action has its effect in words, its event, and its effect in fact."""
    before = (await rows(world, project))[story]
    reply = await steer(world, project, action, story, reason="table", **MORE.get(action, {}))
    assert reply.message == STORY_RULES[action].effects[state], (state, action)
    told = [
        event
        for event in await world.events(project)
        if event.name == "steered" and event.story == story and event.data["id"] == reply.id
    ]
    assert [(event.actor, event.data["action"]) for event in told] == [(ACTOR, action)]
    assert told[0].data["effect"] == reply.message
    await see(world, project, story, state, action, before.attempt)


async def see(
    world: World, project: str, story: str, state: StoryState, action: SteerAction, attempt: int
) -> None:
    """What the action made of the story."""
    ends = {
        SteerAction.CANCEL: (CANCELLED, "CANCELLED"),
        SteerAction.SKIP: (SKIPPED, "SKIPPED"),
        SteerAction.FORCE_COMPLETE: (SETTLED, FORCED),
    }
    if action in ends:
        row = await until_state(world, project, story, ends[action][0])
        assert row.reason_code == ends[action][1]
        assert (row.reason or "").endswith("table")
    elif action is SteerAction.PAUSE:
        row = (await rows(world, project))[story]
        if state is CLAIMING:
            row = await until_state(world, project, story, PAUSED)
        assert row.reason_code in ("PAUSED", "PAUSING") or state is StoryState.VERIFYING
    elif action is SteerAction.RESUME:
        await until_state(world, project, story, CLAIMING)
    elif action is SteerAction.REPRIORITISE:
        _, _, made = await world.database.read(changes.run_in_force, project)
        assert (story, "Critical") in {(each.target, each.text) for each in made}
    elif action is SteerAction.REASSIGN:
        row = (await rows(world, project))[story]
        assert row.agents == ["Other"]
        if state is WAITING:
            await until_state(world, project, story, WORKING)
        if state is WORKING:
            await again(world, project, story, attempt + 1)
        elif state in FINAL_STATES:
            assert row.state is state
    else:
        await again(world, project, story, attempt + (state is not WAITING))


async def again(world: World, project: str, story: str, attempt: int) -> None:
    """Another attempt is under way, or was."""

    async def begun() -> bool:
        row = (await rows(world, project))[story]
        return row.attempt >= attempt and row.state not in (CANCELLED, SKIPPED, BLOCKED, PENDING)

    await world.until(begun, f"attempt {attempt} of {story}")


async def test_every_action_in_every_state_of_a_story(world: World, name: str) -> None:
    cells = Cells()
    cells.add(SIMULATED)
    run = await world.start(simulated_plan(cells), project=name, agents=AGENTS, max_parallel=500)
    async with world.workers():
        await reach(world, run.id, cells)
        for (state, action), story in cells.stories.items():
            if action is None:
                await refuse_all(world, run.id, story, state)
        for (state, action), story in cells.stories.items():
            if action is not None:
                await do(world, run.id, story, state, action)
        await steer(world, run.id, "force_complete", reason="the table is done")
        result = await world.result(run.id)
    assert result.state == "completed"
    assert (await world.status(run.id)).forced_by == ACTOR


async def test_every_action_while_a_story_lands(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    cells = Cells()
    cells.add([StoryState.VERIFYING])
    door = tmp_path / "door"
    numbers = [story.split()[1] for story in cells.stories.values()]
    check = f"until [ -e {door} ]; do sleep 0.05; done"
    text = plan(E("1", [S(number, files=(f"{number}.txt",), checks=(check,)) for number in numbers]))
    run = await world.start(
        text, project=name, repository=repository, agents=scripted(concurrency=50), max_parallel=50
    )
    async with world.workers():
        for story in cells.stories.values():
            await until_landing(world, name, story)
        for (state, action), story in cells.stories.items():
            if action is None:
                for refused in SteerAction:
                    if not allowed(refused, state):
                        with pytest.raises(Conflict):
                            await steer(world, run.id, refused, story, reason="try", **MORE.get(refused, {}))
            else:
                await do(world, run.id, story, state, action)
        door.touch()
        await steer(world, run.id, "resume", cells.stories[StoryState.VERIFYING, SteerAction.PAUSE])
        result = await world.result(run.id)
    assert result.counts == {CANCELLED: 1, SKIPPED: 1, SETTLED: 1, StoryState.MERGED: len(numbers) - 3}
    paused = await events_named(world, run.id, "story.paused")
    assert len(paused) <= 1, "the landing that was under way came to its end"


async def until_landing(world: World, project: str, story: str) -> None:
    """Wait until the story's workflow lands its work."""
    handle = world.client.get_workflow_handle(story_workflow_id(project, "Sprint", "Epic 1", story))

    async def lands() -> bool:
        try:
            return await handle.query("state", result_type=str) == "verifying"
        except RPCError:
            return False

    await world.until(lands, f"the landing of {story}")


async def test_merged_and_reverted_stories_take_nothing(world: World, name: str, repository: Path) -> None:
    """The epic goes on, so that it is asked; it refuses each action, and nothing changes."""
    stories = [S(number, files=(f"{number}.txt",)) for number in ("1.1", "1.2")]
    text = plan(E("1", [*stories, S("1.3", agent="Waiter")]), agents=("Builder", "Waiter"))
    agents = {"Builder": scripted(concurrency=5)["*"], "Waiter": AGENTS["Waiter"]}
    run = await world.start(text, project=name, repository=repository, agents=agents)
    async with world.workers():
        for story in ("Story 1.1", "Story 1.2"):
            await until_state(world, run.id, story, StoryState.MERGED)
        await ask(run.id, Wanted(RollbackKind.STORY, "Story 1.2", ACTOR, ACTOR), world.database, world.client)
        await until_state(world, run.id, "Story 1.2", StoryState.REVERTED)
        await refuse_all(world, run.id, "Story 1.1", StoryState.MERGED)
        await refuse_all(world, run.id, "Story 1.2", StoryState.REVERTED)
        await steer(world, run.id, "cancel", "1.3")
        result = await world.result(run.id)
    assert result.counts[StoryState.CANCELLED] == 1


async def test_a_story_whose_part_is_done_takes_nothing_until_its_next_sprint(
    world: World, name: str
) -> None:
    agents = {"Ada": AGENTS["Quick"], "Bob": AGENTS["Waiter"]}
    run = await world.start(BAKERY, project=name, agents=agents)
    async with world.workers():
        await until_state(world, run.id, "US-1", PARTED)
        await until_state(world, run.id, "US-2", WORKING)
        await refuse_all(world, run.id, "US-1", PARTED)
        await steer(world, run.id, "cancel", "US-2")
        await until_state(world, run.id, "US-1", SETTLED)
        await steer(world, run.id, "cancel", "US-3")
        result = await world.result(run.id)
    assert result.counts == {SETTLED: 1, CANCELLED: 2}


def test_no_state_and_no_action_is_forgotten() -> None:
    """Each state of a story is in one of the tables here; each of them tries every action."""
    assert {*SIMULATED, LANDING, LANDED, MERGED, REVERTED, PARTED} == set(StoryState)
    for state in StoryState:
        refused = {action for action in SteerAction if not allowed(action, state)}
        assert refused | {action for action in STORY_RULES if allowed(action, state)} == set(SteerAction)
    tried = {PartState.RUNNING, PartState.PAUSED, PartState.ENDING, PartState.ENDED}
    assert tried | {PartState.PENDING} == set(PartState), "the last is in test_steering_unbegun.py"


class Door(ActivityInboundInterceptor):
    """Lets landings be made, and then keeps their workflows from hearing of it."""

    opened: asyncio.Event
    made: int

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """Run the activity; a landing that merged waits behind the door."""
        result = await super().execute_activity(input)
        if activity.info().activity_type == "land-story" and result.merged:
            await Door.opened.wait()
        return result


class Doors(temporalio.client.Interceptor, Interceptor):
    """Every activity goes through it."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Put the door before it."""
        return Door(next)


async def test_every_action_while_a_story_is_being_merged(world: World, name: str, repository: Path) -> None:
    """The branch has moved, so whatever a person wants, the story is merged, once."""
    Door.opened = asyncio.Event()
    world = replace(world, client=Client(**{**world.client.config(), "interceptors": [Doors()]}))  # type: ignore[typeddict-item]
    cells = Cells()
    cells.add([LANDED])
    numbers = [story.split()[1] for story in cells.stories.values()]
    text = plan(E("1", [S(number, files=(f"{number}.txt",)) for number in numbers]))
    run = await world.start(
        text, project=name, repository=repository, agents=scripted(concurrency=50), max_parallel=50
    )
    async with world.workers():
        for story in cells.stories.values():
            await until_state(world, run.id, story, LANDED)
        for (state, action), story in cells.stories.items():
            if action is None:
                await refuse_all(world, run.id, story, state)
                continue
            reply = await steer(world, run.id, action, story, reason="table", **MORE.get(action, {}))
            assert reply.message == STORY_RULES[action].effects[state]
            told = [each for each in await events_named(world, run.id, "steered") if each.story == story]
            assert [(each.actor, each.data["action"]) for each in told] == [(ACTOR, action)]
        Door.opened.set()
        result = await world.result(run.id)
    assert result.counts == {MERGED: len(numbers)}
    assert len(await events_named(world, run.id, "merge.made")) == len(numbers)
    merges = git_lines(repository, "log", "--merges", "--format=%s", f"paceline/{name}/sprint")
    assert len(merges) == len(numbers)


# Epics, sprints and runs ---

PARTS = {
    SteerScope.PROJECT: dict[str, str](),
    SteerScope.SPRINT: {"sprint": "Sprint"},
    SteerScope.EPIC: {"epic": "Epic 1"},
}
TWO = plan(E("1", [S("1.1", agent="Waiter"), S("1.2", "Story 1.1", agent="Waiter")]), agents=tuple(AGENTS))


def allowed_to_part(scope: SteerScope, action: SteerAction, paused: bool) -> bool:
    """By the table; only what is paused is resumed, and not paused again."""
    if action in (SteerAction.PAUSE, SteerAction.RESUME):
        return paused is (action is SteerAction.RESUME)
    return action in RULES[scope]


async def refuse_part(world: World, project: str, scope: SteerScope, actions: Iterable[SteerAction]) -> None:
    """Each is refused, and neither a status nor an event changes."""
    before, known = await rows(world, project), await world.events(project)
    for action in actions:
        with pytest.raises(Conflict) as refused:
            await steer(world, project, action, reason="try", **PARTS[scope], **MORE.get(action, {}))
        assert len(refused.value.message) > 15
    assert await rows(world, project) == before
    assert await world.events(project) == known


async def do_to_part(
    world: World, project: str, scope: SteerScope, action: SteerAction, paused: bool
) -> None:
    """Start a run, bring it there, and see what the action does."""
    run = await world.start(TWO, project=project, agents=AGENTS)
    await until_state(world, run.id, "Story 1.1", WORKING)
    if paused:
        await steer(world, run.id, "pause", **PARTS[scope])
        row = (await rows(world, run.id))["Story 1.2"]
        assert (row.state, row.reason) == (PENDING, f"its {scope} is paused")
    reply = await steer(world, run.id, action, reason="table", **PARTS[scope], **MORE.get(action, {}))
    state = PartState.PAUSED if paused else PartState.RUNNING
    assert reply.message == RULES[scope][action].effects[state]
    told = [event for event in await events_named(world, run.id, "steered") if event.data["id"] == reply.id]
    assert [(event.actor, event.data["scope"], event.data["action"]) for event in told] == [
        (ACTOR, scope, action)
    ]
    ends = {
        SteerAction.CANCEL: CANCELLED,
        SteerAction.SKIP: SKIPPED,
        SteerAction.FORCE_COMPLETE: SETTLED,
    }
    if action in ends:
        for story in ("Story 1.1", "Story 1.2"):
            await until_state(world, run.id, story, ends[action])
        return
    shown = [(each.scope, each.actor, each.reason) for each in (await world.status(run.id)).paused]
    if action is SteerAction.PAUSE:
        assert shown == [(scope, ACTOR, "table")]
    elif action is SteerAction.RESUME:
        assert shown == []
    held = action is SteerAction.PAUSE or (paused and action is not SteerAction.RESUME)
    waits = (await rows(world, run.id))["Story 1.2"].reason == "waits for Story 1.1"
    assert waits is not held
    if action is SteerAction.SET_MAX_PARALLEL:
        _, _, made = await world.database.read(changes.run_in_force, run.id)
        assert [each.number for each in made] == [3]
    await world.client.get_workflow_handle(run.id).terminate("seen")


@pytest.mark.parametrize("scope", PARTS)
async def test_every_action_on_a_part_that_runs_or_is_paused(
    world: World, name: str, scope: SteerScope
) -> None:
    cells = [
        (action, paused)
        for action in SteerAction
        for paused in (False, True)
        if allowed_to_part(scope, action, paused)
    ]
    async with world.workers():
        await asyncio.gather(
            *(
                do_to_part(world, f"{name}-{number}", scope, action, paused)
                for number, (action, paused) in enumerate(cells)
            )
        )
        run = await world.start(TWO, project=name, agents=AGENTS)
        await until_state(world, run.id, "Story 1.1", WORKING)
        for paused in (False, True):
            if paused:
                await steer(world, run.id, "pause", **PARTS[scope])
            refused = [each for each in SteerAction if not allowed_to_part(scope, each, paused)]
            await refuse_part(world, run.id, scope, refused)
        await world.client.get_workflow_handle(run.id).terminate("seen")


async def test_what_has_ended_or_is_ending_takes_nothing(world: World, name: str) -> None:
    quick = plan(E("1", [S("1.1", agent="Quick")]), E("2", [S("2.1", agent="Waiter")]), agents=tuple(AGENTS))
    run = await world.start(quick, project=name, agents=AGENTS)
    over = await world.start(
        plan(E("1", [S("1.1", agent="Quick")]), agents=tuple(AGENTS)), project=f"{name}-b", agents=AGENTS
    )
    async with world.workers():
        await world.result(over.id)
        for scope in PARTS:
            await refuse_part(world, over.id, scope, SteerAction)
        epic = world.client.get_workflow_handle(epic_workflow_id(name, "Sprint", "Epic 1"))
        await until_state(world, run.id, "Story 1.1", SETTLED)
        await epic.result()
        await refuse_part(world, run.id, SteerScope.EPIC, SteerAction)
        await world.client.get_workflow_handle(run.id).terminate("seen")
