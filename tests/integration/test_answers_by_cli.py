"""A person with nothing but Temporal's own command line answers, by signal and by update."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from paceline.domain.questions import Question
from paceline.domain.states import StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import questions
from tests.sample_plans import E, S, plan
from tests.world import World, open_world
from workers.temporal_binary import Binary
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal


@pytest_asyncio.fixture
async def world(tmp_path: Path, temporal_server: EmbeddedServer) -> AsyncGenerator[World]:
    """Everything but workers."""
    async with open_world(tmp_path / "home", temporal_server.address) as opened:
        yield opened


@pytest.mark.parametrize("verb", [("signal",), ("update", "execute")], ids=" ".join)
async def test_temporals_command_line_answers(
    world: World, temporal_binary: Binary, verb: tuple[str, ...]
) -> None:
    human = {"*": AgentDeclaration(kind="human")}
    run = await world.start(plan(E("1", [S("1.1")])), project=f"p-{uuid.uuid4().hex[:10]}", agents=human)
    async with world.workers():
        question = await world.question(run.id)
        status, said = await answer(world, temporal_binary, verb, question)
        assert status == 0, said
        result = await world.result(run.id)
    assert result.counts == {StoryState.SETTLED: 1}
    stored = await world.database.read(questions.get_question, question.id)
    assert stored.answer is not None
    assert (stored.answer.actor, stored.answer.text) == ("ada", "watered twice")


async def answer(
    world: World, binary: Binary, verb: tuple[str, ...], question: Question
) -> tuple[int | None, str]:
    """Answer as docs/how-to/answer-from-temporal.md says."""
    given = {"question": question.id, "decision": "approve", "text": "watered twice", "actor": "ada"}
    process = await asyncio.create_subprocess_exec(
        *(str(binary.path), "workflow", *verb),
        *("--address", str(world.settings.temporal_address)),
        *("--workflow-id", question.workflow_id, "--name", "answer", "--input", json.dumps(given)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()
