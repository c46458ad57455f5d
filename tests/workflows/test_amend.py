"""The plan of a run that goes on is edited: all of it holds from then on, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.amendments import amend_run
from paceline.cli.terminal import counts_line
from paceline.domain.amendment_steps import Amend
from paceline.domain.exchange import AmendmentReply, AmendRequest
from paceline.domain.questions import Decision
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.errors import AmendmentRefused, ConfigurationError, Conflict, PlanError
from paceline.plans.reader import read_plan
from paceline.store import artifacts, changes, completion, runs
from tests.sample_plans import E, S, plan
from tests.world import World, scripted

pytestmark = pytest.mark.temporal

AGENTS = {"Builder": AgentDeclaration(kind="simulated"), "Ann": AgentDeclaration(kind="human")}
TEAM = ("Builder", "Ann")
FIRST = plan(E("1", [S("1.1", agent="Ann"), S("1.2", "Story 1.1")]), E("2", [S("2.1")]), agents=TEAM)


async def _amend(world: World, project: str, text: str, **fields: object) -> AmendmentReply:
    request = AmendRequest.model_validate({"plan": text, "apply": True, "actor": "ada", **fields})
    return await amend_run(project, request, world.database, world.client)


async def _states(world: World, project: str) -> dict[str, str]:
    return {story.id: story.state.value for story in (await world.status(project)).stories}


async def _until(world: World, project: str, story: str, state: StoryState) -> None:
    async def reached() -> bool:
        return (await _states(world, project)).get(story) == state.value

    await world.until(reached, f"{story} being {state}")


async def test_stories_come_and_go_while_others_are_under_way(world: World, name: str) -> None:
    run = await world.start(FIRST, project=name, agents=AGENTS)
    edited = plan(
        E("1", [S("1.1", agent="Ann"), S("1.3")]),
        E("2", [S("2.1"), S("2.2", "Story 1.3", points=3)]),
        E("3", [S("3.1", "Story 1.1, Story 2.2")]),
        agents=TEAM,
    )
    async with world.workers():
        question = await world.question(run.id)
        # Epic 2 has ended by then, and begins again.
        await _until(world, run.id, "Story 2.1", StoryState.SETTLED)
        reply = await _amend(world, run.id, edited, reason="scope")
        assert (reply.applied, reply.revision) == (True, 1)
        assert (reply.amendment.added, reply.amendment.removed) == (
            ["Story 1.3", "Story 2.2", "Story 3.1"],
            ["Story 1.2"],
        )
        await _until(world, run.id, "Story 2.2", StoryState.SETTLED)
        assert (await _states(world, run.id))["Story 3.1"] == "pending"
        await world.answer(question, Decision.APPROVE)
        result = await world.result(run.id)
    assert (result.state, result.counts) == (RunState.COMPLETED, {StoryState.SETTLED: 5})
    found = await world.status(run.id)
    assert (found.counts, found.removed, found.percent) == ({StoryState.SETTLED: 5}, 1, 100.0)
    assert counts_line(found) == f"{run.id}: completed, 5 of 5 stories (5 settled), 1 removed from the plan"
    check = await world.database.read(completion.look, run.id)
    assert (check.complete, check.next_steps) == (True, [])
    rows = {story.id: story for story in found.stories}
    assert rows["Story 1.2"].reason_code == "REMOVED"
    assert rows["Story 2.2"].points == 3
    events = await world.events(run.id)
    settled = [str(event.story) for event in events if event.name == "story.settled"]
    assert sorted(settled) == sorted(set(settled))
    (told,) = [event for event in events if event.name == "plan.amended"]
    assert (told.actor, told.data["reason"], told.data["removed"]) == ("ada", "scope", ["Story 1.2"])


async def test_what_cannot_be_is_refused_and_nothing_changes(world: World, name: str) -> None:
    run = await world.start(FIRST, project=name, agents=AGENTS)
    files = plan(
        E("1", [S("1.1", agent="Ann", files=("a.txt",)), S("1.2", "Story 1.1"), S("1.3")]),
        E("2", [S("2.1")]),
        agents=TEAM,
    )
    circle = plan(E("1", [S("1.1", "Story 1.2", agent="Ann"), S("1.2", "Story 1.1")]), agents=TEAM)
    stranger = plan(E("1", [S("1.1", agent="Ann"), S("1.2", agent="Eve")]), agents=(*TEAM, "Eve"))
    async with world.workers():
        question = await world.question(run.id)
        await _until(world, run.id, "Story 2.1", StoryState.SETTLED)
        before = [event.name for event in await world.events(run.id) if event.story is None]
        with pytest.raises(AmendmentRefused, match="under way"):
            await _amend(world, run.id, files)
        shown = await _amend(world, run.id, files, apply=False)
        assert [refusal.story for refusal in shown.amendment.refusals] == ["Story 1.1"]
        with pytest.raises(PlanError):
            await _amend(world, run.id, circle)
        with pytest.raises(ConfigurationError, match="Eve"):
            await _amend(world, run.id, stranger)
        assert await world.database.read(changes.latest_revision, run.id) == 0
        assert [event.name for event in await world.events(run.id) if event.story is None] == before
        await world.answer(question, Decision.APPROVE)
        assert (await world.result(run.id)).state is RunState.COMPLETED
        with pytest.raises(Conflict, match="ended"):
            await _amend(world, run.id, files)


async def test_a_sprint_is_added_behind_the_one_that_runs(world: World, name: str) -> None:
    run = await world.start(FIRST, project=name, agents=AGENTS)
    saved = read_plan(FIRST, None)
    later = saved.sprints[0].model_copy(update={"id": "Later", "name": "Later", "implicit": False})
    moved = saved.stories[1].model_copy(update={"sprints": ["Later"]})
    stories = [saved.stories[0], moved, saved.stories[2]]
    saved = saved.model_copy(update={"sprints": [*saved.sprints, later], "stories": stories})
    async with world.workers():
        question = await world.question(run.id)
        digest = await world.database.write(runs.save_plan, saved, "text")
        handle = world.client.get_workflow_handle(run.id)
        amend = Amend(id="a", digest=digest, actor="ada")
        for _ in range(2):
            await handle.signal("amend", amend)

        async def amended() -> bool:
            return await world.database.read(changes.latest_revision, run.id) == 1

        await world.until(amended, "the amendment")
        await world.answer(question, Decision.APPROVE)
        result = await world.result(run.id)
    assert result.counts == {StoryState.SETTLED: 3}
    rows = {story.id: story.sprint for story in (await world.status(run.id)).stories}
    assert rows["Story 1.2"] == "Later"
    assert [event.name for event in await world.events(run.id)].count("plan.amended") == 1
    assert await world.database.read(changes.latest_revision, run.id) == 1


async def test_an_edited_story_under_way_is_told_at_its_next_attempt(
    world: World, name: str, repository: Path
) -> None:
    text = plan(E("1", [S("1.1", files=("a.txt",), approval=True)]))
    run = await world.start(text, project=name, repository=repository, agents=scripted())
    edited = text.replace("Do 1.1", "Do 1.1 with care")
    async with world.workers():
        question = await world.question(run.id)
        reply = await _amend(world, run.id, edited)
        assert [change.under_way for change in reply.amendment.changed] == [True]
        await world.answer(question, Decision.AMEND, "again")
        again = await world.question(run.id)
        await world.answer(again, Decision.APPROVE)
        assert (await world.result(run.id)).counts == {StoryState.MERGED: 1}
    orders = [
        (world.settings.artifact_root / each.path).read_text()
        for each in await world.database.read(artifacts.list_artifacts, run.id)
        if each.kind == "work-order"
    ]
    assert sorted("with care" in order for order in orders) == [False, True]


async def test_an_id_survives_a_rename(world: World, name: str) -> None:
    run = await world.start(FIRST, project=name, agents=AGENTS)
    edited = plan(E("1", [S("1.1", agent="Ann"), S("1.9", "Story 1.1")]), E("2", [S("2.1")]), agents=TEAM)
    async with world.workers():
        question = await world.question(run.id)
        reply = await _amend(world, run.id, edited, renames={"Story 1.2": "Story 1.9"})
        assert (reply.amendment.added, reply.amendment.removed) == ([], [])
        await world.answer(question, Decision.APPROVE)
        assert (await world.result(run.id)).counts == {StoryState.SETTLED: 3}
    rows = {story.id: story.title for story in (await world.status(run.id)).stories}
    assert rows["Story 1.2"] == "Piece 1.9"
    assert "Story 1.9" not in rows
