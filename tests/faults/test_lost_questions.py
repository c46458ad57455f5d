"""A question that a restored database does not know is opened again under its id, and answered once."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path

import pytest
from temporalio.client import WorkflowUpdateFailedError

from activities.context import ActivityContext
from paceline.domain.questions import Answer, Decision, Question
from paceline.domain.rollback import RollbackKind, RollbackState
from paceline.domain.states import StoryState
from paceline.store import questions
from tests.faults.test_sweep import copy_database, put_back
from tests.sample_plans import E, S, plan
from tests.workflows.test_options import TWO_SPRINTS
from tests.workflows.test_rollback import Rolling
from tests.world import World, git_lines, scripted
from workers.sweep import sweep

pytestmark = pytest.mark.temporal

APPROVED = plan(E("1", [S("1.1", files=("1.txt",), approval=True)]))
CHAIN = plan(E("1", [S("1.1", files=("1.txt",)), S("1.2", "Story 1.1", files=("2.txt",))]))


async def forgotten(world: World, project: str, question: Question) -> None:
    """The database does not know the question."""
    assert question.id not in {
        each.id for each in await world.database.read(questions.list_questions, project, None)
    }


async def swept(world: World, question: Question) -> None:
    """Wait until the workers' sweep has opened it again."""

    async def known() -> bool:
        await sweep(ActivityContext(world.database, world.settings, world.client))
        found = await world.database.read(questions.list_questions, question.project, None)
        return question.id in {each.id for each in found}

    await world.until(known, f"{question.id} open again")
    stored = await world.database.read(questions.get_question, question.id)
    assert (stored.kind, stored.text, stored.workflow_id) == (
        question.kind,
        question.text,
        question.workflow_id,
    )


async def approved(world: World, project: str) -> bool:
    """Whether the story has merged; says yes to what it asks again, as its claim was forgotten too."""
    for each in await world.database.read(questions.list_questions, project):
        with contextlib.suppress(WorkflowUpdateFailedError):
            await world.answer(each, Decision.APPROVE)
    return (await world.status(project)).stories[0].state is StoryState.MERGED


@pytest.mark.parametrize("answered", ["before", "after"])
async def test_the_approval_of_a_story(
    world: World, name: str, repository: Path, tmp_path: Path, answered: str
) -> None:
    """An answer may come over Temporal before the question is known again: it is recorded all the same."""
    await world.start(APPROVED, project=name, repository=repository, agents=scripted())
    copy_database(world, tmp_path / "copy.db")
    async with world.workers():
        question = await world.question(name)
    put_back(world, tmp_path / "copy.db")
    await forgotten(world, name, question)
    if answered == "before":
        said = Answer(question=question.id, decision=Decision.APPROVE, actor="ada")
        await world.client.get_workflow_handle(question.workflow_id).signal("answer", said)
    async with world.workers():
        if answered == "after":
            await swept(world, question)
            await world.answer(question, Decision.APPROVE)
        await world.until(lambda: approved(world, name), "the merge")
        assert (await world.result(name)).counts == {StoryState.MERGED: 1}
    stored = await world.database.read(questions.get_question, question.id)
    assert (stored.state, stored.answer.actor if stored.answer else "") == ("answered", "ada")
    names = Counter(event.name for event in await world.events(name))
    assert (names["question.asked"], names["merge.made"]) == (names["question.answered"], 1)
    assert len(git_lines(repository, "log", "--merges", "--format=%H", f"paceline/{name}/sprint")) == 1


async def test_a_question_of_the_run(world: World, name: str, tmp_path: Path) -> None:
    await world.start(TWO_SPRINTS, project=name)
    copy_database(world, tmp_path / "copy.db")
    async with world.workers():
        question = await world.question(name)
    put_back(world, tmp_path / "copy.db")
    await forgotten(world, name, question)
    async with world.workers():
        await swept(world, question)
        await world.answer(question, Decision.APPROVE)
        await world.result(name)


async def test_a_question_about_a_rollback(world: World, name: str, repository: Path, tmp_path: Path) -> None:
    async with world.workers():
        await world.start(CHAIN, project=name, repository=repository, agents=scripted())
        await world.result(name)
    rolling = Rolling(world, name, repository)
    asked = await rolling.ask(RollbackKind.STORY, "1.1")
    copy_database(world, tmp_path / "copy.db")
    async with world.workers():
        question = await rolling.question(asked)
    put_back(world, tmp_path / "copy.db")
    await forgotten(world, name, question)
    async with world.workers():
        await swept(world, question)
        await world.answer(question, Decision.REJECT, "leave it")
        assert (await rolling.end(asked)).state is RollbackState.REFUSED
