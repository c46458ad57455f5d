"""The steering route: what it refuses without asking a workflow."""

from __future__ import annotations

import pytest

from paceline.domain.states import RunState
from paceline.store import runs
from paceline.store.database import Database
from tests.integration.api.allotment import Calls, Record

STEER = "/api/v1/projects/allotment/steer"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"story": "9.9"}, "no story"),
        ({"epic": "Epic 9"}, "no epic"),
        ({"sprint": "Sprint 9"}, "no sprint"),
    ],
)
async def test_what_the_plan_does_not_have_is_not_found(
    api: Calls, record: Record, body: dict[str, str], words: str
) -> None:
    await record()
    reply = await api.post(STEER, json={"action": "pause", **body})
    assert reply.status_code == 404
    assert words in reply.json()["detail"]


async def test_a_run_that_is_not_there_is_not_found(api: Calls) -> None:
    assert (await api.post(STEER, json={"action": "pause"})).status_code == 404


async def test_a_run_that_ended_takes_nothing(api: Calls, record: Record, database: Database) -> None:
    await record()
    await database.write(runs.end_run, "allotment", RunState.COMPLETED)
    reply = await api.post(STEER, json={"action": "pause"})
    assert reply.status_code == 409
    assert "already ended" in reply.json()["detail"]


async def test_an_action_for_another_scope_is_refused_at_once(api: Calls, record: Record) -> None:
    await record()
    reply = await api.post(STEER, json={"action": "reassign", "agents": ["Digger"]})
    assert (reply.status_code, reply.json()["code"]) == (409, "CONFLICT")
    assert reply.json()["detail"] == "Reassign is not for a project, only for a story; name one."


async def test_without_temporal_nothing_is_done(api: Calls, record: Record) -> None:
    await record()
    reply = await api.post(STEER, json={"action": "pause"})
    assert (reply.status_code, reply.json()["code"]) == (503, "SERVER_UNAVAILABLE")


@pytest.mark.parametrize("body", [{}, {"action": "explode"}, {"action": "pause", "id": ""}, {"action": 1}])
async def test_what_is_no_action_is_refused(api: Calls, record: Record, body: dict[str, object]) -> None:
    await record()
    assert (await api.post(STEER, json=body)).status_code == 422
