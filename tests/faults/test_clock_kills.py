"""SIGKILL to the worker between the days of a sprint: every report once, and no day left out."""

from __future__ import annotations

import signal
import uuid
from collections import Counter
from pathlib import Path

import pytest

from paceline.domain.reports import ReportKind
from paceline.domain.work import AgentDeclaration
from paceline.store import reports
from tests.faults.test_kill import worker_process
from tests.sample_plans import E, S, plan
from tests.workflows.test_sprint_clock import ONCE, check_counts, check_days, stored, until_reported
from tests.world import open_world
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal

SLOW = {"*": AgentDeclaration(kind="simulated", simulated_seconds=(2.0, 2.5), concurrency=1)}
CHAIN = [S("1.1", points=3), S("1.2", "Story 1.1", points=5), S("1.3", "Story 1.2", points=2)]
POINTS = {"Story 1.1": 3.0, "Story 1.2": 5.0, "Story 1.3": 2.0}


async def test_a_killed_worker_leaves_no_report_out_and_makes_none_twice(
    tmp_path: Path, temporal_server: EmbeddedServer
) -> None:
    async with open_world(tmp_path / "home", temporal_server.address) as world:
        project = f"p-{uuid.uuid4().hex[:8]}"
        run = await world.start(
            plan(E("1", CHAIN)), project=project, agents=SLOW, calendar={"day_length": "0.5s"}
        )
        for least in (1, 3):
            async with worker_process(world) as worker:
                await until_reported(world, run.id, ReportKind.STANDUP, least)
                worker.send_signal(signal.SIGKILL)
                await worker.wait()
        async with worker_process(world):
            await world.result(run.id)
        made = await stored(world, run.id)
        kinds = Counter(each.kind for each in made)
        assert [kinds[kind] for kind in ONCE] == [1, 1, 1]
        assert kinds[ReportKind.STANDUP] == kinds[ReportKind.DAILY] >= 4
        for kind in (ReportKind.STANDUP, ReportKind.DAILY, ReportKind.VELOCITY):
            check_days(made, kind)
        events = await world.events(run.id)
        check_counts(made, events, POINTS)
        told = Counter(event.data["report"] for event in events if event.name == "report.made")
        assert told == Counter(each.name for each in await world.database.read(reports.reports_of, run.id))
        assert set(told.values()) == {1}
