"""People approve, amend and reject, by Update and by Signal; silence changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from paceline.domain.events import EventType
from paceline.domain.ids import question_id
from paceline.domain.questions import Answer, Decision, QuestionKind
from paceline.domain.states import AgentState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import claims, questions
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines, scripted

pytestmark = pytest.mark.temporal

ASKING = plan(E("1", [S("1.1", files=("a.txt",), approval=True)]))


async def test_approval_merges_and_slots_are_free_while_it_waits(
    world: World, name: str, repository: Path
) -> None:
    run = await world.start(ASKING, project=name, repository=repository, agents=scripted())
    async with world.workers():
        question = await world.question(run.id)
        assert question.kind is QuestionKind.APPROVE_MERGE
        held = [
            need.resource for claim in await world.database.read(claims.list_claims) for need in claim.held
        ]
        assert held == ["file:a.txt"]
        status = await world.status(run.id)
        assert status.stories[0].state is StoryState.WAITING_FOR_PERSON
        assert status.agents[0].state is AgentState.WAITING_FOR_HITL
        receipt = await world.answer(question, Decision.APPROVE, actor="grace")
        result = await world.result(run.id)
    assert receipt.accepted
    assert result.counts == {StoryState.MERGED: 1}
    stored = await world.database.read(questions.get_question, question.id)
    assert stored.answer is not None
    assert stored.answer.actor == "grace"
    types = [event.type for event in await world.events(run.id)]
    assert types.count(EventType.HITL_REQUEST) == types.count(EventType.HITL_RESPONSE) == 1


async def test_an_amendment_reaches_the_next_attempt_word_for_word(
    world: World, name: str, repository: Path
) -> None:
    words = 'Say "hello", twice;   keep   the blanks & the ünïcode.'
    run = await world.start(ASKING, project=name, repository=repository, agents=scripted())
    async with world.workers():
        await world.answer(await world.question(run.id), Decision.AMEND, words)
        again = await world.question(run.id)
        await world.answer(again, Decision.APPROVE)
        await world.result(run.id)
    assert words in git_lines(repository, "show", f"paceline/{name}/sprint:a.txt")
    row = (await world.status(run.id)).stories[0]
    assert (row.state, row.attempt) == (StoryState.MERGED, 2)


async def test_a_rejection_ends_the_story_without_a_merge_and_keeps_its_work(
    world: World, name: str, repository: Path
) -> None:
    run = await world.start(ASKING, project=name, repository=repository, agents=scripted())
    async with world.workers():
        await world.answer(await world.question(run.id), Decision.REJECT, "not like this")
        result = await world.result(run.id)
    assert result.counts == {StoryState.FAILED: 1}
    assert git_lines(repository, "show", f"refs/paceline/preserved/{name}/story-1.1/1:a.txt")
    row = (await world.status(run.id)).stories[0]
    assert row.reason == "ada rejected the merge: not like this"


async def test_the_first_answer_wins_and_the_second_learns_whose_it_was(
    world: World, name: str, repository: Path
) -> None:
    run = await world.start(ASKING, project=name, repository=repository, agents=scripted())
    other = ASKING.replace("a.txt", "b.txt")
    slow = await world.start(other, project=f"{name}-b", repository=repository, agents=scripted())
    async with world.workers():
        question = await world.question(run.id)
        await world.question(slow.id)
        first = await world.answer(question, Decision.AMEND, "more", actor="ada")
        second = await world.answer(question, Decision.REJECT, actor="grace")
        again = await world.question(run.id)
        assert again.id != question.id
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await world.answer(question.model_copy(update={"id": "story-9.9-q1-0000"}), Decision.APPROVE)
        await world.answer(again, Decision.APPROVE)
        await world.result(run.id)
        await world.answer(await world.question(slow.id), Decision.APPROVE)
        await world.result(slow.id)
    assert first.accepted
    assert (second.accepted, second.actor, second.decision) == (False, "ada", Decision.AMEND)
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == "NOT_FOUND"


async def test_a_signal_answers_too(world: World, name: str, repository: Path) -> None:
    run = await world.start(ASKING, project=name, repository=repository, agents=scripted())
    async with world.workers():
        question = await world.question(run.id)
        handle = world.client.get_workflow_handle(question.workflow_id)
        wrong = Answer(question="nothing", decision=Decision.REJECT, actor="mallory")
        await handle.signal("answer", wrong)
        right = Answer(question=question.id, decision=Decision.APPROVE, actor="ada")
        await handle.signal("answer", right)
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}


async def test_a_human_story_is_a_question_that_a_person_closes(world: World, name: str) -> None:
    agents = {"*": AgentDeclaration(kind="human")}
    run = await world.start(plan(E("1", [S("1.1"), S("1.2", "Story 1.1")])), project=name, agents=agents)
    async with world.workers():
        first = await world.question(run.id)
        assert first.kind is QuestionKind.HUMAN_STORY
        await world.answer(first, Decision.APPROVE, "did it")
        second = await world.question(run.id)
        assert second.story == "Story 1.2"
        await world.answer(second, Decision.APPROVE)
        result = await world.result(run.id)
    assert result.counts == {StoryState.SETTLED: 2}


async def test_an_answer_given_while_no_worker_runs_is_taken_when_one_does(
    world: World, name: str, repository: Path
) -> None:
    run = await world.start(ASKING, project=name, repository=repository, agents=scripted())
    async with world.workers():
        question = await world.question(run.id)
    answer = Answer(question=question.id, decision=Decision.APPROVE, actor="ada")
    await world.client.get_workflow_handle(question.workflow_id).signal("answer", answer)
    async with world.workers():
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}


async def test_an_amendment_without_a_text_is_refused_by_update_and_ignored_by_signal(
    world: World, name: str, repository: Path
) -> None:
    run = await world.start(ASKING, project=name, repository=repository, agents=scripted())
    async with world.workers():
        question = await world.question(run.id)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await world.answer(question, Decision.AMEND, "  ")
        handle = world.client.get_workflow_handle(question.workflow_id)
        await handle.signal("answer", Answer(question=question.id, decision=Decision.AMEND, actor="ada"))
        assert (await world.answer(question, Decision.APPROVE)).accepted
        assert (await world.result(run.id)).counts == {StoryState.MERGED: 1}
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == "REFUSED"
    assert (await world.status(run.id)).stories[0].attempt == 1


async def test_an_answer_by_signal_that_comes_before_its_question_is_kept(
    world: World, name: str, repository: Path
) -> None:
    run = await world.start(ASKING, project=name, repository=repository, agents=scripted())
    story = f"{name}/sprint/epic-1/story-1.1"
    async with world.workers():

        async def started() -> bool:
            return (await world.status(run.id)).stories[0].workflow_id == story

        await world.until(started, "the story's start")
        early = Answer(question=question_id(story, 1), decision=Decision.APPROVE, actor="ada")
        await world.client.get_workflow_handle(story).signal("answer", early)
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}


async def test_a_command_that_cannot_start_asks_a_person_at_once(
    world: World, name: str, repository: Path
) -> None:
    missing = AgentDeclaration(kind="command", command=["no-such-program-here"], max_attempts=5)
    run = await world.start(ASKING, project=name, repository=repository, agents={"*": missing})
    async with world.workers():
        question = await world.question(run.id)
        assert (question.kind, question.context["code"]) == (QuestionKind.TAKE_OVER, "CONFIGURATION")
        assert "failed once: The agent's command does not start" in question.text
        await world.answer(question, Decision.REJECT)
        result = await world.result(run.id)
    assert result.counts == {StoryState.FAILED: 1}
    assert (await world.status(run.id)).stories[0].attempt == 1
