"""A whole run with its database on PostgreSQL: the same workflows, claims, merges and answers."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from api.amendments import amend_run
from paceline.domain.exchange import AmendRequest
from paceline.domain.questions import Decision
from paceline.domain.reports import ReportKind
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.errors import PlanError
from paceline.store import claims
from tests.databases import *  # noqa: F403 - fixtures are used by their names
from tests.sample_plans import E, S, plan
from tests.steering import rows, steer, until_state
from tests.workflows.test_sprint_clock import ONCE, check_days, stored, until_reported
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


async def test_a_run_is_amended_steered_and_reported_in_postgresql(
    tmp_path: Path, temporal_server: EmbeddedServer, postgres_url: str
) -> None:
    """Every kind of report is made, and an edited plan is followed whole or not at all."""
    project = f"p-{uuid.uuid4().hex[:8]}"
    agents = {
        "Ann": AgentDeclaration(kind="human"),
        "Builder": AgentDeclaration(kind="simulated", simulated_seconds=(0.5, 0.8), concurrency=1),
    }
    first = plan(
        E("1", [S("1.1", agent="Ann", points=2), S("1.2", "Story 1.1", points=3)]), agents=tuple(agents)
    )
    edited = plan(
        E("1", [S("1.1", agent="Ann", points=2), S("1.3", points=5)]), E("2", [S("2.1", points=1)]),
        agents=tuple(agents),
    )  # fmt: skip
    async with open_world(tmp_path / "home", temporal_server.address, database_url=postgres_url) as world:
        days = {"reports": True, "day_length": "1s"}
        run = await world.start(first, project=project, agents=agents, calendar=days)

        async def amend(text: str) -> int:
            request = AmendRequest.model_validate({"plan": text, "apply": True, "actor": "ada"})
            return (await amend_run(run.id, request, world.database, world.client)).revision

        async with world.workers():
            question = await world.question(run.id)
            circle = plan(E("1", [S("1.1", "Story 1.2", "Ann"), S("1.2", "Story 1.1")]), agents=tuple(agents))
            with pytest.raises(PlanError):
                await amend(circle)
            assert await amend(edited) == 1
            assert await amend(edited) == 1, "the same once more changes nothing"
            await until_state(world, run.id, "Story 1.3", StoryState.SETTLED)
            await steer(world, run.id, "pause", epic="Epic 1", reason="lunch")
            [paused] = (await world.status(run.id)).paused
            assert (paused.target, paused.actor, paused.reason) == ("Epic 1", "ada", "lunch")
            await steer(world, run.id, "resume", epic="Epic 1")
            await until_reported(world, run.id, ReportKind.DAILY, 2)
            await world.answer(question, Decision.APPROVE)
            result = await world.result(run.id)
        assert result.counts == {StoryState.SETTLED: 3}
        assert (await rows(world, run.id))["Story 1.2"].reason_code == "REMOVED"
        made = await stored(world, run.id)
        assert {each.kind for each in made} == set(ReportKind)
        assert [sum(each.kind is kind for each in made) for kind in ONCE] == [1, 1, 1]
        for kind in (ReportKind.STANDUP, ReportKind.DAILY, ReportKind.VELOCITY):
            check_days(made, kind)
