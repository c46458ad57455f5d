"""A laptop that was closed: worker and Temporal's server stand still over many timers, then go on."""

from __future__ import annotations

import os
import signal
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType

from paceline.domain import ids
from paceline.domain.events import Event
from paceline.domain.questions import Decision
from paceline.domain.reports import ReportKind
from paceline.domain.work import AgentDeclaration
from paceline.settings import Settings
from tests.faults.test_kill import worker_process
from tests.sample_plans import E, S, plan
from tests.workflows.test_sprint_clock import ONCE, check_days, stored, until_reported
from tests.world import World, open_world
from workers.temporal_binary import Binary
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal

HUMAN = {"*": AgentDeclaration(kind="human")}
DAY = timedelta(seconds=1)
SLEPT = 8 * DAY
"""So many days and reminders are due while everything stands still."""


async def _told(world: World, project: str) -> list[Event]:
    return [event for event in await world.events(project) if event.name == "question.reminded"]


async def _until_slept(world: World, since: datetime) -> None:
    async def passed() -> bool:
        return datetime.now(UTC) >= since + SLEPT

    await world.until(passed, "the days of sleep")


async def test_who_wakes_up_is_told_once_of_each_and_no_timer_storms(
    tmp_path: Path, temporal_binary: Binary
) -> None:
    settings = Settings(
        home=tmp_path / "temporal", temporal_address=None, temporal_port=0, temporal_ui_port=0
    )
    server = await EmbeddedServer.start(settings, lambda sentence: None, temporal_binary)
    try:
        async with open_world(tmp_path / "home", server.address) as world:
            await _sleep_and_wake(world, server)
    finally:
        await server.stop()


async def _sleep_and_wake(world: World, server: EmbeddedServer) -> None:
    run = await world.start(
        plan(E("1", [S("1.1", points=3)])),
        project=f"p-{uuid.uuid4().hex[:8]}",
        agents=HUMAN,
        calendar={"reports": True, "day_length": "1s"},
        questions={"remind_after": 1.0, "deadline": 3600.0},
    )

    async def reminded() -> bool:
        return bool(await _told(world, run.id))

    async with worker_process(world) as worker:
        question = await world.question(run.id)
        await world.until(reminded, "the first reminder")
        await until_reported(world, run.id, ReportKind.STANDUP, 2)
        closed = datetime.now(UTC)
        assert server.pid is not None
        asleep = (worker.pid, server.pid)
        for pid in asleep:
            os.kill(pid, signal.SIGSTOP)
        try:
            reports, told = await stored(world, run.id), await _told(world, run.id)
            await _until_slept(world, closed)
            assert await stored(world, run.id) == reports, "nobody works while the lid is closed"
        finally:
            for pid in reversed(asleep):
                os.kill(pid, signal.SIGCONT)
        woke = datetime.now(UTC)

        async def caught_up() -> bool:
            later = await _told(world, run.id)
            dailies = [each for each in await stored(world, run.id, ReportKind.DAILY) if each.made_at >= woke]
            return len(later) > len(told) and bool(dailies)

        await world.until(caught_up, "one reminder and one report of the days")
        await world.answer(question, Decision.APPROVE)
        await world.result(run.id)
    ended = datetime.now(UTC)
    reminders = await _told(world, run.id)
    assert [event.data["number"] for event in reminders] == list(range(1, len(reminders) + 1))
    waits = await _timers(world, question.workflow_id)
    assert sum(wait < DAY / 2 for wait in waits) <= 1, "only what was under way is made up for"
    assert len(waits) <= len(reminders) + 1
    made = await stored(world, run.id)
    for kind in (ReportKind.STANDUP, ReportKind.DAILY):
        check_days(made, kind)
        after = [each for each in made if each.kind is kind and each.made_at >= woke]
        covered = [each.data["period"]["last_day"] - each.data["period"]["first_day"] + 1 for each in after]
        assert max(covered) >= SLEPT // DAY - 1, "one of all the days"
        assert len(after) <= (ended - woke) // DAY + 2
    for kind in ONCE:
        assert sum(each.kind is kind for each in made) == 1
    clock = ids.clock_workflow_id(run.id, "Sprint")
    assert len(await _timers(world, clock)) <= sum(each.kind is ReportKind.STANDUP for each in made) + 1
    told_once = [event.data["report"] for event in await world.events(run.id) if event.name == "report.made"]
    assert sorted(told_once) == sorted(set(told_once))


async def _timers(world: World, workflow_id: str) -> list[timedelta]:
    """How long each timer of a workflow was to take."""
    history = (await world.client.get_workflow_handle(workflow_id).fetch_history()).events
    return [
        each.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
        for each in history
        if each.event_type == EventType.EVENT_TYPE_TIMER_STARTED
    ]
