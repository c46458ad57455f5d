"""A story that waits for files of another run says whose answer that run waits for."""

from __future__ import annotations

from pathlib import Path

import pytest

from paceline.domain.questions import Decision
from paceline.domain.states import StoryState
from tests.sample_plans import E, S, plan
from tests.steering import rows, until_state
from tests.world import World, scripted

pytestmark = pytest.mark.temporal


async def test_who_waits_for_files_names_the_question_that_holds_them(
    world: World, name: str, repository: Path
) -> None:
    holding = plan(E("1", [S("1.1", files=("a.txt",), approval=True)]))
    waiting = plan(E("1", [S("2.1", files=("a.txt",)), S("2.2", files=("b.txt",))]))
    first = await world.start(holding, project=name, repository=repository, agents=scripted())
    async with world.workers():
        question = await world.question(first.id)
        await until_state(world, first.id, "Story 1.1", StoryState.WAITING_FOR_PERSON)
        second = await world.start(waiting, project=f"{name}-b", repository=repository, agents=scripted())
        await until_state(world, second.id, "Story 2.1", StoryState.CLAIMING)
        row = (await rows(world, second.id))["Story 2.1"]
        assert row.reason_code == "WAITING_FOR_CLAIM"
        said = f"Story 1.1 of run {first.id} waits for an answer to {question.id}"
        assert (row.reason or "").endswith(f"; {said}")
        assert row.reason is not None
        assert row.reason.count(said) == 1
        assert said not in ((await rows(world, second.id))["Story 2.2"].reason or "")
        await world.answer(question, Decision.APPROVE)
        for run in (first, second):
            assert (await world.result(run.id)).state == "completed"
    assert (await rows(world, second.id))["Story 2.1"].reason is None
