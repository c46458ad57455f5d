"""Definitions of ready and of done hold a sprint up until commands or people say that they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from paceline.domain.questions import Decision, QuestionKind
from paceline.domain.states import RunState, StoryState
from tests.sample_plans import E, S, plan
from tests.world import World, scripted

pytestmark = pytest.mark.temporal

BODY = plan(E("1", [S("1.1", files=("a.txt",))]))
READY = "\n## Definition of Ready\n- [ ] The design is agreed\n"
DONE = "\n## Definition of Done\n- [ ] The work is there. Check: `test -f a.txt`\n"


async def test_a_definition_of_ready_is_answered_before_anything_starts(
    world: World, name: str, repository: Path
) -> None:
    run = await world.start(
        BODY + READY, project=name, repository=repository, agents=scripted(), gates="person"
    )
    async with world.workers():
        question = await world.question(run.id)
        assert question.kind is QuestionKind.CONFIRM_READY
        assert "- The design is agreed" in question.text
        assert "1 of 1 stories have no points: Story 1.1" in question.text
        assert (await world.status(run.id)).stories[0].state is StoryState.PENDING
        await world.answer(question, Decision.APPROVE)
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED


async def test_a_sprint_that_is_not_ready_is_left_out(world: World, name: str, repository: Path) -> None:
    run = await world.start(
        BODY + READY, project=name, repository=repository, agents=scripted(), gates="person"
    )
    async with world.workers():
        await world.answer(await world.question(run.id), Decision.REJECT)
        result = await world.result(run.id)
    assert result.counts == {StoryState.SKIPPED: 1}


async def test_a_definition_of_done_that_commands_prove_asks_nobody(
    world: World, name: str, repository: Path
) -> None:
    run = await world.start(
        BODY + DONE, project=name, repository=repository, agents=scripted(), gates="person"
    )
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    checked = next(event for event in await world.events(run.id) if event.name == "gate.checked")
    assert checked.data == {
        "sprint": "Sprint",
        "gate": "done",
        "passed": ["The work is there"],
        "failed": [],
        "open": [],
    }


@pytest.mark.parametrize(
    ("decision", "state"),
    [(Decision.AMEND, RunState.COMPLETED), (Decision.REJECT, RunState.INCOMPLETE)],
)
async def test_a_definition_of_done_that_fails_needs_a_person_and_a_reason(
    world: World, name: str, repository: Path, decision: Decision, state: RunState
) -> None:
    text = BODY + DONE.replace("test -f a.txt", "test -f never.txt")
    run = await world.start(text, project=name, repository=repository, agents=scripted(), gates="person")
    async with world.workers():
        question = await world.question(run.id)
        assert question.kind is QuestionKind.CONFIRM_DONE
        assert "Failed:\n- The work is there (`test -f never.txt`)" in question.text
        await world.answer(question, decision, "It moves to the next sprint.", actor="grace")
        result = await world.result(run.id)
    assert result.state is state
    assert result.counts == {StoryState.MERGED: 1}
    answered = next(event for event in await world.events(run.id) if event.name == "question.answered")
    assert (answered.actor, answered.data["text"]) == ("grace", "It moves to the next sprint.")


async def test_a_rehearsal_asks_nobody(world: World, name: str) -> None:
    run = await world.start(BODY + READY + DONE, project=name, gates="person")
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
