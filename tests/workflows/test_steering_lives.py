"""Pauses outlive workers and continue-as-new, and what is stopped is gone: agents, claims, slots."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.service import RPCError

from paceline.contracts import CONTROL_TASK_QUEUE, ProjectInput
from paceline.domain.ids import epic_workflow_id, sprint_workflow_id, story_workflow_id
from paceline.domain.states import StoryState
from paceline.domain.steering import Steer, SteerAction, SteerReceipt
from paceline.domain.work import AgentDeclaration
from paceline.errors import Conflict, NotFound
from paceline.store import claims
from tests.held import Gate
from tests.sample_plans import E, S, plan
from tests.steering import events_named, rows, steer, until_state
from tests.world import World

pytestmark = pytest.mark.temporal

SLOW = AgentDeclaration(kind="simulated", simulated_seconds=(900.0, 900.0), concurrency=50)
QUICK = AgentDeclaration(kind="simulated", concurrency=50)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """Agents wait here."""
    return Gate(tmp_path / "gate")


async def test_a_paused_sprint_that_continued_as_new_is_still_paused(world: World, name: str) -> None:
    epics = [
        E("1", [S(f"1.{n}") for n in range(1, 9)]),
        E("2", [S(f"2.{n}", f"Story 1.{n}") for n in (1, 2)]),
    ]
    run = await world.start(plan(*epics), project=name, agents={"*": QUICK}, max_parallel=20)
    await world.client.get_workflow_handle(run.id).terminate("start again with a small limit")
    await world.client.start_workflow(
        "project", ProjectInput(project=run.id, history_limit=12), id=run.id, task_queue=CONTROL_TASK_QUEUE
    )
    sprint = world.client.get_workflow_handle(sprint_workflow_id(name, "Sprint"))
    async with world.workers():

        async def pausing() -> bool:
            try:
                await steer(world, name, "pause", sprint="Sprint")
            except Conflict:
                return False
            return True

        async def begun() -> bool:
            try:
                await sprint.describe()
            except RPCError:
                return False
            return True

        await world.until(pausing, "the pause")
        await world.until(begun, "the sprint's workflow, which a pause before its start waits for too")
        await world.until(lambda: _still(world, name), "everything standing still")
        before = {story: row.state for story, row in (await rows(world, name)).items()}
        for number in range(30):
            # Each signal makes its history longer, and an epic that ended is told twice at most.
            await sprint.signal("revised", number)
        await steer(world, name, "resume", sprint="Sprint")
        assert (await world.result(name)).counts == {StoryState.SETTLED: 10}
    assert StoryState.PENDING in before.values() or StoryState.PAUSED in before.values()


async def _still(world: World, project: str) -> bool:
    moving = {StoryState.CLAIMING, StoryState.WORKING}
    return not any(row.state in moving for row in (await rows(world, project)).values())


async def test_a_pause_outlives_the_workers(world: World, name: str, repository: Path, gate: Gate) -> None:
    text = plan(E("1", [S("1.1", files=("a.txt",)), S("1.2", "Story 1.1", files=("b.txt",))]))
    run = await world.start(text, project=name, repository=repository, agents=gate.agents())
    async with world.workers():
        await gate.until_reached(world, "1.1")
        await steer(world, run.id, "pause")
        gate.open()
        await until_state(world, run.id, "Story 1.1", StoryState.PAUSED)
    async with world.workers():
        assert (await rows(world, run.id))["Story 1.2"].reason == "its project is paused"
        await steer(world, run.id, "resume")
        assert (await world.result(run.id)).counts == {StoryState.MERGED: 2}
    assert not gate.reached("1.1", 2)


async def test_a_story_held_twice_goes_on_when_neither_holds_it(world: World, name: str) -> None:
    stories = [S("1.1", files=("x",)), S("1.0", agent="Quick"), S("1.2", "Story 1.0", "Quick", ("x",))]
    text = plan(E("1", stories), agents=("Builder", "Quick"))
    run = await world.start(text, project=name, agents={"Builder": SLOW, "Quick": QUICK})
    async with world.workers():
        await until_state(world, run.id, "Story 1.2", StoryState.CLAIMING)
        await steer(world, run.id, "pause", "1.2")
        await steer(world, run.id, "pause", epic="Epic 1")
        await until_state(world, run.id, "Story 1.2", StoryState.PAUSED)
        await steer(world, run.id, "resume", "1.2")
        with pytest.raises(Conflict, match="its epic is paused"):
            await steer(world, run.id, "resume", "1.2")
        assert (await rows(world, run.id))["Story 1.2"].state is StoryState.PAUSED
        await steer(world, run.id, "resume", epic="Epic 1")
        await until_state(world, run.id, "Story 1.2", StoryState.CLAIMING)
        await steer(world, run.id, "cancel", "1.1")
        await world.result(run.id)
    assert (await rows(world, run.id))["Story 1.2"].state is StoryState.SETTLED


async def test_a_cancelled_story_ends_its_agent_within_five_seconds(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    part = f"{pids}.part"
    script = f"sleep 600 & echo $! $$ > {part}; mv {part} {pids}; echo x > a.txt; wait"
    agents = {"*": AgentDeclaration(kind="command", command=["/bin/sh", "-c", script])}
    run = await world.start(
        plan(E("1", [S("1.1", files=("a.txt",))])), project=name, repository=repository, agents=agents
    )
    async with world.workers():

        async def started() -> bool:
            return pids.exists()

        await world.until(started, "the agent's start")
        processes = [int(word) for word in pids.read_text().split()]
        assert all(_lives(pid) for pid in processes)
        await steer(world, run.id, "cancel", "1.1", reason="enough")
        asked = time.monotonic()

        async def gone() -> bool:
            return not any(_lives(pid) for pid in processes)

        await world.until(gone, "the end of the agent's processes")
        assert time.monotonic() - asked < 5
        await world.result(run.id)
    row = (await rows(world, run.id))["Story 1.1"]
    assert (row.state, row.reason) == (StoryState.CANCELLED, "ada cancelled it: enough")
    assert await world.database.read(claims.list_claims) == []
    assert row.workflow_id is not None


async def test_a_cancelled_story_ends_also_what_ignores_the_signal(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    """Agent, child and grandchild all ignore SIGTERM; after the grace that is configured they are killed."""
    pids = tmp_path / "pids"
    deaf = "trap '' TERM INT HUP; echo $$ >> {pids}; {then}; while :; do sleep 600 & wait; done"
    grandchild = deaf.format(pids=pids, then=f"touch {pids}.ready")
    (tmp_path / "grandchild.sh").write_text(grandchild)
    (tmp_path / "agent.sh").write_text(deaf.format(pids=pids, then=f"setsid sh {tmp_path}/child.sh & :"))
    (tmp_path / "child.sh").write_text(deaf.format(pids=pids, then=f"sh {tmp_path}/grandchild.sh & :"))
    agents = {"*": AgentDeclaration(kind="command", command=["/bin/sh", str(tmp_path / "agent.sh")])}
    settings = world.settings.model_copy(update={"agent_grace": 0.5})
    world = replace(world, settings=settings)
    run = await world.start(
        plan(E("1", [S("1.1", files=("a.txt",))])), project=name, repository=repository, agents=agents
    )
    async with world.workers():

        async def started() -> bool:
            return Path(f"{pids}.ready").exists()

        await world.until(started, "the grandchild")
        processes = [int(word) for word in pids.read_text().split()]
        assert len(processes) == 3
        assert all(_lives(pid) for pid in processes)
        asked = time.monotonic()
        await steer(world, run.id, "cancel", "1.1", reason="enough")

        async def gone() -> bool:
            return not any(_lives(pid) for pid in processes)

        await world.until(gone, "the end of all three")
        sys.stdout.write(f"all were gone {time.monotonic() - asked:.2f} s after the cancel\n")
        await world.result(run.id)
    row = (await rows(world, run.id))["Story 1.1"]
    assert (row.state, row.reason) == (StoryState.CANCELLED, "ada cancelled it: enough")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"


async def test_a_pause_at_once_stops_the_agent_and_keeps_its_work(
    world: World, name: str, repository: Path, gate: Gate
) -> None:
    text = plan(E("1", [S("1.1", files=("a.txt",))]))
    run = await world.start(text, project=name, repository=repository, agents=gate.agents())
    async with world.workers():
        await gate.until_reached(world, "1.1")
        with pytest.raises(Conflict, match="name the story, or leave out `now`"):
            await steer(world, run.id, "pause", epic="Epic 1", now=True)
        await steer(world, run.id, "pause", "1.1", now=True)
        row = await until_state(world, run.id, "Story 1.1", StoryState.PAUSED)
        assert row.attempt == 2
        gate.open()
        await steer(world, run.id, "resume", "1.1")
        assert (await world.result(run.id)).counts == {StoryState.MERGED: 1}
    ended = await events_named(world, run.id, "attempt.ended")
    assert [(event.data["code"], event.data["preserved"] is not None) for event in ended] == [
        ("PAUSED", True)
    ]


async def test_another_agent_goes_on_from_the_work(
    world: World, name: str, repository: Path, gate: Gate
) -> None:
    text = plan(E("1", [S("1.1", files=("a.txt",))]), agents=("Builder", "Reviewer"))
    run = await world.start(
        text, project=name, repository=repository, agents=gate.agents("Builder", "Reviewer", concurrency=1)
    )
    async with world.workers():
        await gate.until_reached(world, "1.1")
        with pytest.raises(Conflict, match="has no agent Nobody"):
            await steer(world, run.id, "reassign", "1.1", agents=["Nobody"])
        await steer(world, run.id, "reassign", "1.1", agents=["Reviewer"])
        await gate.until_reached(world, "1.1", 2)
        held = await world.database.read(claims.list_claims)
        assert f"agent:{name}:Reviewer" in [need.resource for each in held for need in each.held]
        assert f"agent:{name}:Builder" not in [need.resource for each in held for need in each.held]
        gate.open()
        assert (await world.result(run.id)).counts == {StoryState.MERGED: 1}
    assert (gate.folder / "1.1.2.by-Reviewer").exists()
    ended = await events_named(world, run.id, "attempt.ended")
    assert [event.data["code"] for event in ended] == ["REASSIGNED"]


async def test_a_higher_number_lets_waiters_in_at_once_and_a_lower_one_stops_nobody(
    world: World, name: str
) -> None:
    text = plan(E("1", [S(f"1.{number}") for number in range(1, 6)]))
    run = await world.start(text, project=name, agents={"*": SLOW}, max_parallel=1)

    async def working(count: int) -> None:
        async def so_many() -> bool:
            states = [row.state for row in (await rows(world, name)).values()]
            return states.count(StoryState.WORKING) == count

        await world.until(so_many, f"{count} at work")

    async with world.workers():
        await working(1)
        await steer(world, run.id, "set_max_parallel", max_parallel=3)
        await working(3)
        await steer(world, run.id, "set_max_parallel", max_parallel=1, sprint="Sprint")
        first = next(row.id for row in (await rows(world, name)).values() if row.state is StoryState.WORKING)
        await steer(world, run.id, "cancel", first)
        await until_state(world, run.id, first, StoryState.CANCELLED)
        await working(2)
        await steer(world, run.id, "cancel")
        with pytest.raises(WorkflowFailureError):
            await world.result(run.id)
    assert (await world.status(run.id)).run.state == "cancelled"


async def test_the_most_urgent_waits_first(world: World, name: str) -> None:
    text = plan(E("1", [S(f"1.{number}") for number in range(1, 5)]))
    run = await world.start(text, project=name, agents={"*": SLOW}, max_parallel=1)
    async with world.workers():

        async def in_line() -> bool:
            states = [row.state for row in (await rows(world, name)).values()]
            return states.count(StoryState.CLAIMING) == 3 and StoryState.WORKING in states

        await world.until(in_line, "three in line")
        waiting = [row.id for row in (await rows(world, name)).values() if row.state is StoryState.CLAIMING]
        first = next(row.id for row in (await rows(world, name)).values() if row.state is StoryState.WORKING)
        await steer(world, run.id, "reprioritise", waiting[-1], priority="P0")
        await steer(world, run.id, "cancel", first)
        await until_state(world, run.id, waiting[-1], StoryState.WORKING)
        assert (await rows(world, name))[waiting[0]].state is StoryState.CLAIMING
        await steer(world, run.id, "force_complete", reason="seen")
        await world.result(run.id)


async def test_an_id_is_done_once_and_who_comes_second_is_told(world: World, name: str) -> None:
    run = await world.start(plan(E("1", [S("1.1")])), project=name, agents={"*": SLOW})
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
        first = await steer(world, run.id, "pause", "1.1", id="once")
        assert await steer(world, run.id, "pause", "1.1", id="once") == first
        with pytest.raises(Conflict, match="already used by ada for pause"):
            await steer(world, run.id, "cancel", "1.1", id="once")
        story = world.client.get_workflow_handle(story_workflow_id(name, "Sprint", "Epic 1", "Story 1.1"))
        again = Steer(id="once", action=SteerAction.CANCEL, actor="grace")
        receipt = await story.execute_update("steer", again, result_type=SteerReceipt)  # pyright: ignore[reportUnknownMemberType]
        assert (receipt.accepted, receipt.actor, receipt.action) == (False, "ada", SteerAction.PAUSE)
        assert len(await events_named(world, run.id, "steered")) == 1
        await steer(world, run.id, "force_complete", reason="seen")
        await world.result(run.id)


async def test_a_signal_does_the_same_and_a_refused_one_leaves_an_event(world: World, name: str) -> None:
    run = await world.start(plan(E("1", [S("1.1"), S("1.2", "Story 1.1")])), project=name, agents={"*": SLOW})
    epic = world.client.get_workflow_handle(epic_workflow_id(name, "Sprint", "Epic 1"))
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
        await epic.signal("steer", Steer(id="a", action=SteerAction.SKIP, actor="ada", story="Story 1.2"))

        async def refused() -> bool:
            return bool(await events_named(world, run.id, "steer.refused"))

        await world.until(refused, "the refusal's event")
        told = (await events_named(world, run.id, "steer.refused"))[0]
        assert (told.actor, told.story, told.data["why"]) == (
            "ada",
            "Story 1.2",
            "Skip needs a reason; give one.",
        )
        assert (await rows(world, run.id))["Story 1.2"].state is StoryState.PENDING
        again = Steer(id="b", action=SteerAction.SKIP, actor="ada", story="Story 1.2", reason="later")
        await epic.signal("steer", again)
        await until_state(world, run.id, "Story 1.2", StoryState.SKIPPED)
        unknown = Steer(id="c", action=SteerAction.CANCEL, story="Story 9.9")
        with pytest.raises(WorkflowUpdateFailedError):
            await epic.execute_update("steer", unknown, result_type=SteerReceipt)  # pyright: ignore[reportUnknownMemberType]
        await steer(world, run.id, "cancel", "1.1")
        await world.result(run.id)


async def test_without_a_worker_it_is_sent_and_taken_later(world: World, name: str) -> None:
    run = await world.start(plan(E("1", [S("1.1")])), project=name, agents={"*": SLOW})
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
    reply = await steer(world, run.id, "cancel", "1.1")
    assert reply.state == "sent"
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.CANCELLED)
        await world.result(run.id)


async def test_what_does_not_exist_is_not_found_and_what_has_not_begun_is_told_later(
    world: World, name: str
) -> None:
    run = await world.start(plan(E("1", [S("1.1")])), project=name, agents={"*": SLOW})
    for part in ({"story": "9.9"}, {"epic": "9"}, {"sprint": "Sprint 9"}):
        with pytest.raises(NotFound):
            await steer(world, run.id, "pause", **part)
    with pytest.raises(NotFound):
        await steer(world, "nowhere", "pause")
    # Nobody works, so the run itself is told of what it has not begun.
    assert (await steer(world, run.id, "pause", sprint="Sprint")).state == "sent"
    await world.client.get_workflow_handle(run.id).terminate("seen")
