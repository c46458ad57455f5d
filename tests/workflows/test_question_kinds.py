"""Runs and sprints that ask before they begin and at their end, options, and who waits for an answer."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from api.temporal import update_workflow
from paceline.domain.questions import Answer, AnswerReceipt, Decision, Option, Question, QuestionKind
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import questions
from tests.sample_plans import E, S, plan
from tests.steering import steer
from tests.workflows.test_options import TWO_SPRINTS
from tests.world import World, git_lines

pytestmark = pytest.mark.temporal

CHAIN = plan(E("1", [S("1.1"), S("1.2", "Story 1.1"), S("1.3", "Story 1.2"), S("1.4")]))
HUMAN = {"*": AgentDeclaration(kind="human")}

OFFERING = """
import json, os
order = json.load(open(os.environ["PACELINE_WORK_ORDER"]))
result = {"outcome": "done", "summary": "did it"}
if order["attempt"] == 1:
    result = {"outcome": "needs_person", "summary": "?", "question": "Which?"}
    result["options"] = ["Keep  v1", "Use v2"]
else:
    open("a.txt", "w").write(json.dumps(order["amendments"]))
json.dump(result, open(os.environ["PACELINE_WORK_RESULT"], "w"))
"""


async def choose(world: World, question: Question, *names: str, text: str = "") -> AnswerReceipt:
    """Answer by options."""
    answer = Answer(
        question=question.id, decision=Decision.CHOOSE, chosen=list(names), text=text, actor="ada"
    )
    return await update_workflow(world.client, question.workflow_id, "answer", answer, AnswerReceipt)


async def test_a_run_asks_before_it_begins(world: World, name: str) -> None:
    run = await world.start(CHAIN, project=name, approve_start="run")
    async with world.workers():
        question = await world.question(run.id)
        assert question.kind is QuestionKind.APPROVE_START
        assert question.waits_for_it == ["Story 1.1", "Story 1.2", "Story 1.3", "Story 1.4"]
        assert {row.state for row in (await world.status(run.id)).stories} == {StoryState.PENDING}
        await world.answer(question, Decision.APPROVE)
        assert (await world.result(run.id)).state is RunState.COMPLETED
    names = [event.name for event in await world.events(run.id)]
    assert names.count("question.asked") == 1
    assert names.index("question.answered") < names.index("claim.granted")


async def test_a_run_that_nobody_wants_starts_nothing(world: World, name: str) -> None:
    run = await world.start(CHAIN, project=name, approve_start="run")
    async with world.workers():
        await world.answer(await world.question(run.id), Decision.REJECT)
        result = await world.result(run.id)
    assert (result.state, result.counts) == (RunState.INCOMPLETE, {StoryState.SKIPPED: 4})
    assert not [event for event in await world.events(run.id) if event.name == "attempt.started"]


async def test_each_sprint_asks_before_it_begins_and_at_its_end(world: World, name: str) -> None:
    run = await world.start(TWO_SPRINTS, project=name, approve_start="sprints", approve_sprints=True)
    kinds: list[QuestionKind] = []
    async with world.workers():
        for _ in range(4):
            question = await world.question(run.id)
            kinds.append(question.kind)
            await world.answer(question, Decision.APPROVE)

            async def recorded(asked: str = question.id) -> bool:
                return (await world.database.read(questions.get_question, asked)).answer is not None

            await world.until(recorded, f"the answer to {question.id}")
        assert (await world.result(run.id)).state is RunState.COMPLETED
    asked_first, asked_last = QuestionKind.APPROVE_START, QuestionKind.APPROVE_SPRINT
    optional = QuestionKind.START_OPTIONAL_SPRINT
    assert kinds[1::2] == [asked_last, asked_last]
    assert set(kinds[::2]) <= {asked_first, optional}
    assert asked_first in kinds


async def test_a_sprint_that_is_not_accepted_ends_the_run(world: World, name: str) -> None:
    run = await world.start(CHAIN, project=name, approve_sprints=True)
    async with world.workers():
        question = await world.question(run.id)
        assert "4 settled" in question.text
        await world.answer(question, Decision.REJECT, "look again")
        assert (await world.result(run.id)).state is RunState.INCOMPLETE


async def test_a_doubtful_reading_is_confirmed_first(world: World, name: str) -> None:
    text = CHAIN.replace("- **Agent**: Builder\n", "", 1)
    run = await world.start(text, project=name, confirm_reading=["*"])
    async with world.workers():
        question = await world.question(run.id)
        assert question.kind is QuestionKind.CONFIRM_READING
        assert run.options.doubts
        assert all(f"- {doubt}" in question.text for doubt in run.options.doubts)
        await world.answer(question, Decision.APPROVE)
        assert (await world.result(run.id)).state is RunState.COMPLETED


async def test_a_plan_without_doubts_asks_nothing(world: World, name: str) -> None:
    run = await world.start(CHAIN, project=name, confirm_reading=["NO_SUCH_CODE"])
    async with world.workers():
        await world.result(run.id)
    assert await world.database.read(questions.list_questions, run.id, None) == []


async def test_who_waits_for_a_storys_answer_comes_from_the_graph(world: World, name: str) -> None:
    run = await world.start(CHAIN, project=name, agents=HUMAN)
    async with world.workers():
        await world.question(run.id, 2)
        found = {each.story: each for each in await world.database.read(questions.list_questions, run.id)}
        assert found["Story 1.1"].waits_for_it == ["Story 1.1", "Story 1.2", "Story 1.3"]
        assert found["Story 1.4"].waits_for_it == ["Story 1.4"]
        assert found["Story 1.1"].waiting == 3
        await world.client.get_workflow_handle(run.id).cancel()


async def test_what_is_chosen_reaches_the_agent_word_for_word(
    world: World, name: str, repository: Path
) -> None:
    text = plan(E("1", [S("1.1", files=("a.txt",))]))
    agents = {"*": AgentDeclaration(command=[sys.executable, "-c", OFFERING])}
    run = await world.start(text, project=name, repository=repository, agents=agents)
    async with world.workers():
        question = await world.question(run.id)
        assert question.options == [Option(name="1", text="Keep  v1"), Option(name="2", text="Use v2")]
        for wrong in (["3"], []):
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await choose(world, question, *wrong)
            assert isinstance(refused.value.cause, ApplicationError)
            assert refused.value.cause.type == "REFUSED"
        unknown = Answer(question=question.id, decision=Decision.CHOOSE, chosen=["9"], actor="mallory")
        await world.client.get_workflow_handle(question.workflow_id).signal("answer", unknown)
        receipt = await choose(world, question, "1", text="and  say so")
        assert (receipt.accepted, receipt.chosen) == (True, ["1"])
        await world.result(run.id)
    stored = await world.database.read(questions.get_question, question.id)
    assert stored.answer is not None
    assert (stored.answer.chosen, stored.answer.actor) == (["1"], "ada")
    told = git_lines(repository, "show", f"paceline/{name}/sprint:a.txt")
    assert json.loads(told[0]) == ["Keep  v1\nand  say so"]


async def test_nobody_answers_and_everybody_is_told_once_and_it_waits_on(world: World, name: str) -> None:
    rules = {"remind_after": 1, "deadline": 2.5, "escalation": ["lead"]}
    run = await world.start(plan(E("1", [S("1.1")])), project=name, agents=HUMAN, questions=rules)

    async def overdue() -> bool:
        return any(event.name == "question.overdue" for event in await world.events(run.id))

    async with world.workers():
        await world.until(overdue, "overdue")
        question = await world.question(run.id)
        assert (question.overdue, question.escalated, question.deadline) == (True, 1, None)
        row = (await world.status(run.id)).stories[0]
        assert (row.state, row.reason_code) == (StoryState.WAITING_FOR_PERSON, "QUESTION_OVERDUE")
        await world.answer(question, Decision.APPROVE)
        assert (await world.result(run.id)).counts == {StoryState.SETTLED: 1}
    told = [event for event in await world.events(run.id) if event.name == "question.escalated"]
    assert [event.data["told"] for event in told] == ["lead"]
    numbers = [e.data["number"] for e in await world.events(run.id) if e.name == "question.reminded"]
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers


async def test_an_answer_in_time_stops_the_timers(world: World, name: str) -> None:
    run = await world.start(
        plan(E("1", [S("1.1")])),
        project=name,
        agents=HUMAN,
        questions={"deadline": "1h", "remind_after": "1m"},
    )
    async with world.workers():
        question = await world.question(run.id)
        assert question.deadline is not None
        assert (question.deadline - question.asked_at).total_seconds() == 3600
        await world.answer(question, Decision.APPROVE)
        await world.result(run.id)
    names = {event.name for event in await world.events(run.id)}
    assert not names & {"question.reminded", "question.escalated", "question.overdue"}


async def test_a_machine_that_was_off_over_several_deadlines_makes_one_step(world: World, name: str) -> None:
    rules = {"remind_after": 0.5, "deadline": 2, "escalation": ["lead", "owner", "all"]}
    run = await world.start(plan(E("1", [S("1.1")])), project=name, agents=HUMAN, questions=rules)
    async with world.workers():
        question = await world.question(run.id)
    before = len(await world.events(run.id))

    async def missed() -> bool:
        return (datetime.now(UTC) - question.asked_at).total_seconds() > 9

    await world.until(missed, "several deadlines")
    assert len(await world.events(run.id)) == before
    async with world.workers():

        async def told() -> bool:
            return any(event.name == "question.escalated" for event in await world.events(run.id))

        await world.until(told, "the next one told")
        await world.answer(question, Decision.APPROVE)
        await world.result(run.id)
    late = [event for event in await world.events(run.id) if event.name == "question.escalated"]
    assert len(late) == 1


async def test_a_question_with_a_deadline_that_is_withdrawn_is_not_pressed_any_more(
    world: World, name: str
) -> None:
    rules = {"deadline": 2, "escalation": ["lead"]}
    text = plan(E("1", [S("1.1"), S("1.2")]))
    run = await world.start(text, project=name, agents=HUMAN, questions=rules)
    async with world.workers():
        await world.question(run.id, 2)
        await steer(world, run.id, "skip", "1.1", reason="not needed")

        async def told() -> bool:
            return any(event.name == "question.overdue" for event in await world.events(run.id))

        await world.until(told, "the other one overdue")
        await world.answer(await world.question(run.id), Decision.APPROVE)
        await world.result(run.id)
    pressed = [
        e.story for e in await world.events(run.id) if e.name.startswith(("question.esc", "question.over"))
    ]
    assert pressed == ["Story 1.2", "Story 1.2"]
