"""Each criterion is proven by a command, answered by a person, or merged as unproven, and says which."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from paceline.domain.proof import Proof, Verdict
from paceline.domain.questions import Decision, QuestionKind
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import proofs
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines, scripted

pytestmark = pytest.mark.temporal

ONE = plan(E("1", [S("1.1", files=("a.txt",), checks=("test -f a.txt",))]))


def with_command(text: str, command: str) -> str:
    """The plan with a command for the only criterion of story 1.1."""
    written = "  - 1.1 is there"
    assert written in text
    return text.replace(written, f"{written}\n    - Check: `{command}`")


async def stored(world: World, project: str) -> list[Proof]:
    """What is written down of story 1.1."""
    return await world.database.read(proofs.proofs_of, project, "Story 1.1")


async def test_a_criterion_with_a_command_asks_nobody_and_stores_what_proved_it(
    world: World, name: str, repository: Path
) -> None:
    text = with_command(ONE, "grep -q 1.1 a.txt")
    run = await world.start(
        text, project=name, repository=repository, agents=scripted(), criteria="person", checks=["true"]
    )
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    found = await stored(world, run.id)
    assert [(each.kind, each.command, each.verdict, each.prover, each.exit_code) for each in found] == [
        ("criterion", "grep -q 1.1 a.txt", Verdict.PASSED, "command", 0),
        ("check", "test -f a.txt", Verdict.PASSED, "command", 0),
        ("check", "true", Verdict.PASSED, "command", 0),
    ]
    merged = (await world.status(run.id)).stories[0].merge_commit
    assert {each.commit for each in found} == {merged}
    for each in found:
        assert each.output_sha256 == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", (
            "these commands print nothing"
        )


async def test_a_criterion_in_words_waits_for_a_person_whose_name_is_stored(
    world: World, name: str, repository: Path
) -> None:
    run = await world.start(ONE, project=name, repository=repository, agents=scripted(), criteria="person")
    branch = f"paceline/{name}/sprint"
    async with world.workers():
        question = await world.question(run.id)
        assert question.kind is QuestionKind.CONFIRM_CRITERIA
        assert question.context["criteria"] == "- 1.1 is there"
        assert git_lines(repository, "log", "--merges", "--format=%H", branch) == []
        assert [each.verdict for each in await stored(world, run.id)] == [Verdict.UNPROVEN, Verdict.PASSED]
        await world.answer(question, Decision.APPROVE, actor="grace")
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}
    first, second = await stored(world, run.id)
    assert (first.verdict, first.prover, first.by) == (Verdict.CONFIRMED, "person", "grace")
    assert (second.verdict, second.prover) == (Verdict.PASSED, "command")


async def test_an_approval_and_the_criteria_are_one_question(
    world: World, name: str, repository: Path
) -> None:
    text = plan(E("1", [S("1.1", files=("a.txt",), approval=True)]))
    run = await world.start(text, project=name, repository=repository, agents=scripted(), criteria="person")
    async with world.workers():
        question = await world.question(run.id)
        assert question.kind is QuestionKind.APPROVE_MERGE
        assert "1.1 is there" in question.text
        await world.answer(question, Decision.APPROVE)
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}
    asked = [event for event in await world.events(run.id) if event.name == "question.asked"]
    assert len(asked) == 1


async def test_an_amended_criterion_makes_another_attempt_and_asks_again(
    world: World, name: str, repository: Path
) -> None:
    run = await world.start(ONE, project=name, repository=repository, agents=scripted(), criteria="person")
    async with world.workers():
        await world.answer(await world.question(run.id), Decision.AMEND, "It is not there yet.")

        async def second() -> bool:
            row = (await world.status(run.id)).stories[0]
            return row.attempt == 2 and row.state is StoryState.WAITING_FOR_PERSON

        await world.until(second, "the second attempt asked about its criteria")
        await world.answer(await world.question(run.id), Decision.APPROVE)
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}
    verdicts = {
        each.attempt: each.verdict for each in await stored(world, run.id) if each.kind == "criterion"
    }
    assert verdicts == {1: Verdict.UNPROVEN, 2: Verdict.CONFIRMED}


async def test_a_failed_command_is_stored_with_what_was_left_out(
    world: World, name: str, repository: Path
) -> None:
    text = with_command(ONE, "echo nothing here; exit 3")
    run = await world.start(
        text, project=name, repository=repository, agents=scripted(max_attempts=1), criteria="person"
    )
    async with world.workers():
        await world.answer(await world.question(run.id), Decision.REJECT)
        result = await world.result(run.id)
    assert result.counts == {StoryState.FAILED: 1}
    by_kind = {each.kind: each for each in await stored(world, run.id)}
    assert (by_kind["criterion"].verdict, by_kind["criterion"].exit_code) in {
        (Verdict.FAILED, 3),
        (Verdict.NOT_RUN, None),
    }
    assert Verdict.FAILED in {each.verdict for each in by_kind.values()}


async def test_criteria_that_are_only_recorded_are_merged_as_unproven(
    world: World, name: str, repository: Path
) -> None:
    run = await world.start(ONE, project=name, repository=repository, agents=scripted(), criteria="record")
    async with world.workers():
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}
    assert [(each.kind, each.verdict) for each in await stored(world, run.id)] == [
        ("criterion", Verdict.UNPROVEN),
        ("check", Verdict.PASSED),
    ]


def reviewer(*advice: dict[str, object], summary: str = "looked") -> dict[str, AgentDeclaration]:
    """Scripted workers, and a reviewer that gives this advice where it finds the work checked out."""
    said = json.dumps({"outcome": "done", "summary": summary, "advice": advice})
    script = f"test -f a.txt && printf '%s' {shlex.quote(said)} > \"$PACELINE_WORK_RESULT\""
    return scripted() | {"Critic": AgentDeclaration(kind="command", command=["/bin/sh", "-c", script])}


async def test_a_reviewers_yes_is_stored_as_advice_and_asks_nobody(
    world: World, name: str, repository: Path
) -> None:
    agents = reviewer({"number": 1, "met": True, "note": "seen"}, {"number": 9, "met": True})
    run = await world.start(
        ONE, project=name, repository=repository, agents=agents, criteria="reviewer", reviewer="Critic"
    )
    async with world.workers():
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}
    first = (await stored(world, run.id))[0]
    assert (first.verdict, first.prover, first.by, first.note) == (
        Verdict.ADVISED,
        "reviewer",
        "Critic",
        "seen",
    )


@pytest.mark.parametrize("advice", [[{"number": 1, "met": False, "note": "too thin"}], []])
async def test_a_reviewers_doubt_or_silence_is_a_persons_question(
    world: World, name: str, repository: Path, advice: list[dict[str, object]]
) -> None:
    run = await world.start(
        ONE,
        project=name,
        repository=repository,
        agents=reviewer(*advice),
        criteria="reviewer",
        reviewer="Critic",
    )
    async with world.workers():
        question = await world.question(run.id)
        assert question.kind is QuestionKind.CONFIRM_CRITERIA
        assert ("not met; too thin" in question.context["criteria"]) == bool(advice)
        assert question.context["review"] == "looked"
        await world.answer(question, Decision.APPROVE, actor="grace")
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}
    assert (await stored(world, run.id))[0].by == "grace"


async def test_a_reviewer_that_fails_leaves_the_decision_to_a_person(
    world: World, name: str, repository: Path
) -> None:
    broken = AgentDeclaration(kind="command", command=["/bin/sh", "-c", "exit 7"])
    run = await world.start(
        ONE,
        project=name,
        repository=repository,
        agents=scripted() | {"Critic": broken},
        criteria="reviewer",
        reviewer="Critic",
    )
    async with world.workers():
        question = await world.question(run.id)
        assert "The review failed (AGENT_EXIT)" in question.context["review"]
        await world.answer(question, Decision.REJECT)
        result = await world.result(run.id)
    assert result.counts == {StoryState.FAILED: 1}
