"""A whole run with its database on PostgreSQL: the same workflows, claims, merges and answers."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from paceline.domain.questions import Decision
from paceline.domain.states import RunState, StoryState
from paceline.store import claims
from tests.databases import *  # noqa: F403 - fixtures are used by their names
from tests.sample_plans import E, S, plan
from tests.world import git_lines, make_repository, open_world, scripted
from workers.temporal_server import EmbeddedServer

pytestmark = [pytest.mark.temporal, pytest.mark.postgres]


async def test_a_run_merges_and_asks_with_its_truth_in_postgresql(
    tmp_path: Path, temporal_server: EmbeddedServer, postgres_url: str
) -> None:
    repository = make_repository(tmp_path / "repository")
    text = plan(
        E("1", [S("1.1", files=("a.txt",), approval=True), S("1.2", "Story 1.1", files=("a.txt", "b.txt"))]),
        E("2", [S(f"2.{number}", files=("shared.txt",), checks=("true",)) for number in range(1, 5)]),
    )
    project = f"p-{uuid.uuid4().hex[:8]}"
    async with open_world(tmp_path / "home", temporal_server.address, database_url=postgres_url) as world:
        run = await world.start(
            text, project=project, repository=repository, agents=scripted(), max_parallel=3
        )
        async with world.workers():
            await world.answer(await world.question(run.id), Decision.APPROVE)
            result = await world.result(run.id)
        assert result.state is RunState.COMPLETED
        assert result.counts == {StoryState.MERGED: 6}
        events = await world.events(run.id)
        assert [event.number for event in events] == list(range(1, len(events) + 1))
        assert await world.database.read(claims.list_claims) == []
    merges = git_lines(repository, "log", "--merges", "--format=%H", f"paceline/{project}/sprint")
    assert len(merges) == 6
