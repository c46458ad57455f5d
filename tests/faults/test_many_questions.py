"""Many open questions, answered in any order while workers are killed: none is lost, none applied twice."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Sequence

import pytest
from temporalio.service import RPCError

from api.answers import give_answer
from paceline.domain.questions import Answer, Decision, Question
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.errors import AlreadyAnswered
from paceline.store import questions
from tests.faults.test_kill import worker_process
from tests.sample_plans import E, S, plan
from tests.world import World

pytestmark = pytest.mark.temporal

HUMAN = {"*": AgentDeclaration(kind="human")}
STORIES = 10
TOGETHER = 24
"""People who answer at once."""
PATIENCE = 1500.0
"""Seconds for all of it; what takes so long is lost."""


def sprint_plan() -> str:
    """A sprint of stories that people do, none of which waits for another."""
    return plan(E("1", [S(f"1.{number}") for number in range(1, STORIES + 1)]))


async def all_questions(world: World, projects: Sequence[str], state: str | None) -> list[Question]:
    """The questions of all runs."""
    found = [
        await world.database.read(questions.list_questions, each, state, 10 * STORIES) for each in projects
    ]
    return [question for each in found for question in each]


async def until_asked(world: World, projects: Sequence[str], count: int) -> list[Question]:
    """Wait until so many questions are open."""
    deadline = time.monotonic() + PATIENCE
    while len(found := await all_questions(world, projects, "open")) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} questions were asked"
        await asyncio.sleep(0.2)
    return found


async def answer_once(world: World, question: Question, chance: random.Random) -> None:
    """One person answers, by update or by signal; then perhaps another, who is late."""
    said = Answer(question=question.id, decision=Decision.APPROVE, text=f"of {question.id}", actor="first")
    handle = world.client.get_workflow_handle(question.workflow_id)
    if chance.random() < 0.5:
        await give_answer(world.database, world.client, said)
    else:
        await handle.signal("answer", said)
    if chance.random() < 0.3:
        other = said.model_copy(update={"actor": "second", "decision": Decision.REJECT})
        if chance.random() < 0.5:
            # The story may have ended by the first answer, and takes no signal then.
            with contextlib.suppress(RPCError):
                await handle.signal("answer", other)
            return
        assert await came_late(world, other)


async def came_late(world: World, other: Answer) -> bool:
    """Give another answer; whether it was told whose the first was, or waits behind it for a worker."""
    try:
        return (await give_answer(world.database, world.client, other)).state == "sent"
    except AlreadyAnswered as refused:
        return refused.details["actor"] == "first"


async def answer_all(world: World, asked: Sequence[Question], seed: int) -> None:
    """Many people at once, each question by one of them."""
    gate, chance = asyncio.Semaphore(TOGETHER), random.Random(seed)  # noqa: S311 - a seed, no secret

    async def one(question: Question, own: random.Random) -> None:
        async with gate:
            await answer_once(world, question, own)

    own = [random.Random(chance.random()) for _ in asked]  # noqa: S311 - a seed, no secret
    await asyncio.gather(*(one(each, its) for each, its in zip(asked, own, strict=True)))


async def check(world: World, projects: Sequence[str]) -> None:
    """Each question has its first answer, once, and each story ended by it, once."""
    stored = await all_questions(world, projects, None)
    assert len({each.id for each in stored}) == len(stored) == len(projects) * STORIES
    for each in stored:
        assert each.answer is not None, f"{each.id} is {each.state}"
        assert (each.answer.actor, each.answer.text) == ("first", f"of {each.id}")
    for project in projects:
        events = await world.events(project)
        for name in ("question.asked", "question.answered"):
            counts = Counter(event.data["question"] for event in events if event.name == name)
            assert set(counts.values()) == {1}, name
            assert len(counts) == STORIES
        ends = Counter(event.story for event in events if event.name == "story.settled")
        assert (len(ends), set(ends.values())) == (STORIES, {1})
        status = await world.status(project)
        assert status.run.state is RunState.COMPLETED
        assert status.counts == {**dict.fromkeys(status.counts, 0), StoryState.SETTLED: STORIES}


@pytest.mark.parametrize(
    ("sprints", "kills"), [(6, 3), pytest.param(100, 8, marks=pytest.mark.long)], ids=["60", "1000"]
)
async def test_none_is_lost_and_none_applied_twice(world: World, name: str, sprints: int, kills: int) -> None:
    projects = [f"{name}-{number}" for number in range(sprints)]
    for each in projects:
        await world.start(sprint_plan(), project=each, agents=HUMAN, max_parallel=STORIES)
    async with worker_process(world) as worker:
        await until_asked(world, projects, sprints * STORIES // 3)
        worker.kill()
        await worker.wait()
    async with worker_process(world):
        asked = await until_asked(world, projects, sprints * STORIES)
    random.Random(7).shuffle(asked)  # noqa: S311 - a seed, no secret
    share = len(asked) // kills + 1
    for number in range(kills):
        part = asked[number * share : (number + 1) * share]
        async with worker_process(world) as worker:
            answers = asyncio.create_task(answer_all(world, part[: len(part) // 2], number))
            answered = {each.id for each in part}
            await until_some(world, projects, answered)
            worker.kill()
            await worker.wait()
        async with worker_process(world):
            await answers
            await answer_all(world, part[len(part) // 2 :], 100 + number)
    async with worker_process(world):
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(world.client.get_workflow_handle(each).result() for each in projects))
    await check(world, projects)


async def until_some(world: World, projects: Sequence[str], among: set[str]) -> None:
    """Wait until an answer to one of these questions was recorded."""

    async def some() -> bool:
        return any(each.id in among for each in await all_questions(world, projects, "answered"))

    await world.until(some, "an answer")
