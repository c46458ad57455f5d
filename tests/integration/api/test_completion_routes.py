"""Looking at a run's completion: the criteria, what is missing, and the event that somebody looked."""

from __future__ import annotations

import json
import subprocess

import pytest

from paceline.domain.states import StoryState
from paceline.store import events, status
from paceline.store.database import Database
from tests.integration.api.allotment import Calls, Record
from tests.integration.api.command_line import CommandLine
from tests.integration.api.test_command_line import up

__all__ = ["up"]

PROJECT = "/api/v1/projects/allotment"


async def _merge(database: Database, *stories: str) -> None:
    for story in stories:
        await database.write(status.set_story, "allotment", story, state=StoryState.MERGED)


async def test_a_check_says_what_is_missing_and_changes_nothing_but_the_log(
    api: Calls, record: Record, database: Database
) -> None:
    await record()
    await _merge(database, "Story 1.1")
    before = (await api.get(PROJECT)).json()
    found = (await api.post(f"{PROJECT}/check-completion", json={"actor": "kim"})).json()
    assert found["complete"] is False
    assert found["criteria"] == [{"name": "stories", "met": False, "missing": ["Story 1.2"]}]
    assert "Story 1.2" in found["next_steps"][0]
    after = (await api.get(PROJECT)).json()
    assert {**before, "last_event": 0} == {**after, "last_event": 0}
    (event,) = await database.read(events.events_named, "allotment", ["completion.checked"])
    assert (event.actor, event.data) == (
        "kim",
        {"complete": False, "criteria": {"stories": False}, "missing": 1},
    )
    shown = (await api.get(f"{PROJECT}/completion")).json()
    assert shown["next_steps"] == found["next_steps"]


async def test_other_criteria_change_the_outcome(api: Calls, record: Record, database: Database) -> None:
    await record()
    await _merge(database, "Story 1.1")
    only = {"criteria": {"stories": False, "require": ["Story 1.1"]}}
    assert (await api.post(f"{PROJECT}/check-completion", json=only)).json()["complete"] is True
    assert (await api.post(f"{PROJECT}/check-completion")).json()["complete"] is False
    await _merge(database, "Story 1.2")
    assert (await api.post(f"{PROJECT}/check-completion")).json()["complete"] is True
    assert (await api.get(f"{PROJECT}/completion")).json()["complete"] is True


@pytest.mark.parametrize("body", [{"criteria": {"stories": False}}, {"actor": ""}, {"criteria": {"x": 1}}])
async def test_what_is_no_criterion_is_refused(api: Calls, record: Record, body: dict[str, object]) -> None:
    await record()
    assert (await api.post(f"{PROJECT}/check-completion", json=body)).status_code == 422


@pytest.mark.parametrize("body", [{}, {"actor": "kim"}, {"actor": "kim", "reason": ""}, {"reason": "late"}])
async def test_completing_by_force_needs_a_name_and_a_reason(
    api: Calls, record: Record, body: dict[str, str]
) -> None:
    await record()
    assert (await api.post(f"{PROJECT}/force-complete", json=body)).status_code == 422


async def test_a_run_that_is_not_there_is_not_found(api: Calls) -> None:
    forced = {"actor": "kim", "reason": "late"}
    assert (await api.post(f"{PROJECT}/check-completion")).status_code == 404
    assert (await api.post(f"{PROJECT}/force-complete", json=forced)).status_code == 404


def test_the_command_line_says_it_too(paceline: CommandLine, plan: str, up: subprocess.Popen[str]) -> None:
    ran = paceline("run", plan, "--agent", "simulated", "--criteria", "record", "--no-input")
    assert ran.returncode == 0, ran.stderr
    project = next(word for word in ran.stdout.split() if word.startswith("tend-the-allotment")).strip(":")
    assert paceline("check-completion", project).stdout.strip() == f"{project} is complete."
    found = json.loads(paceline("check-completion", project, "--json").stdout)
    assert (found["complete"], found["next_steps"]) == (True, [])
    assert paceline("check-completion", "nowhere").returncode == 1
