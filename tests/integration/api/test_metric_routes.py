"""Metrics over the API and on the command line: what is there, what a person says, and what is refused."""

from __future__ import annotations

import json
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.orm import Session

from activities.bundle import build_bundle
from paceline.domain.states import StoryState
from paceline.domain.status import Run, RunOptions, StoryStatus
from paceline.plans.reader import read_plan
from paceline.settings import Settings
from paceline.store import events, runs, status
from paceline.store.database import Database
from tests.integration.api.allotment import Calls
from tests.integration.api.command_line import CommandLine
from tests.integration.api.test_command_line import up

__all__ = ["up"]

PLAN = """
# Sprint Planning: Pier

## Sprint 1: Piles (Week 1)

**Stories**:
- Story 1.1: Drive piles
  - **Agent**: Builder

**Success Criteria**:
- [ ] The piles stand
- [x] The permit is there

## Success Metrics
- **Coverage**: >90%
- **Feedback**: The harbour master is happy
"""
METRICS = "/api/v1/projects/pier/metrics"


def _write(session: Session) -> None:
    plan = read_plan(PLAN, "pier.md")
    digest = runs.save_plan(session, plan, PLAN)
    moment = datetime(2026, 11, 21, 9, tzinfo=UTC)
    run = Run(id="pier", title="Pier", plan_digest=digest, options=RunOptions(), started_at=moment)
    runs.create_run(session, run)
    story = plan.stories[0]
    row = StoryStatus(id=story.id, title=story.title, sprint=plan.sprints[0].id, agents=story.agents)
    status.plan_stories(session, "pier", [row])


@pytest_asyncio.fixture
async def pier(database: Database) -> Database:
    """A run whose plan has metrics and success criteria."""
    await database.write(_write)
    return database


async def test_targets_actuals_and_verdicts(api: Calls, pier: Database) -> None:
    found = (await api.get(METRICS)).json()
    rows = [(each["number"], each["name"], each["kind"], each["verdict"]) for each in found["aims"]]
    assert rows == [
        (1, "Coverage", "metric", "unknown"),
        (2, "Feedback", "metric", "unknown"),
        (3, "The piles stand", "criterion", "unknown"),
        (4, "The permit is there", "criterion", "met"),
    ]
    assert found["sprints"] == {"Sprint 1": "unknown"}
    said = {"name": "coverage", "value": "90 %", "reason": "build 88", "actor": "kim", "id": "one"}
    first = await api.post(METRICS, json=said)
    assert (first.status_code, first.json()["verdict"], first.json()["actor"]) == (201, "missed", "kim")
    again = await api.post(METRICS, json={**said, "value": "99%"})
    assert (again.status_code, again.json()["actual"]) == (200, "90 %")
    newer = await api.post(METRICS, json={"name": "1", "value": "91%, the next build", "actor": "lee"})
    assert (newer.json()["verdict"], newer.json()["reason"]) == (
        "met",
        "91 percent is > 90 percent: the next build",
    )
    await api.post(METRICS, json={"name": "The piles stand", "value": "met", "actor": "kim"})
    assert (await api.get(METRICS)).json()["sprints"] == {"Sprint 1": "met"}
    told = await pier.read(events.events_named, "pier", ["metric.measured"])
    assert [(each.actor, each.data["actual"], each.data["verdict"]) for each in told] == [
        ("kim", "90 %", "missed"),
        ("lee", "91 %", "met"),
        ("kim", None, "met"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "code", "sentence"),
    [
        ("Speed", "5", 404, "no metric or success criterion Speed; it has Coverage, Feedback"),
        ("Coverage", "plenty", 403, "`plenty` is no value for Coverage"),
        ("Coverage", "5 ms", 403, "another unit"),
        ("Feedback", "7", 403, "its target is in words; say met or missed"),
        ("Feedback", "", 422, "value"),
    ],
)
async def test_what_does_not_fit_is_refused_and_changes_nothing(
    api: Calls, pier: Database, name: str, value: str, code: int, sentence: str
) -> None:
    before = (await api.get(METRICS)).json()
    refused = await api.post(METRICS, json={"name": name, "value": value})
    assert refused.status_code == code
    assert sentence in refused.text
    assert (await api.get(METRICS)).json() == before


async def test_completion_can_ask_for_all_of_them(api: Calls, pier: Database) -> None:
    await pier.write(status.set_story, "pier", "Story 1.1", state=StoryState.SETTLED)
    only = {"criteria": {"stories": False, "metrics": True}}
    check = "/api/v1/projects/pier/check-completion"
    found = (await api.post(check, json=only)).json()
    assert found["criteria"][0]["missing"] == ["Coverage", "Feedback", "The piles stand"]
    assert "`paceline measure pier 1 VALUE`" in found["next_steps"][0]
    await api.post(METRICS, json={"name": "1", "value": "12%"})
    assert "12 percent is not > 90 percent" in (await api.post(check, json=only)).json()["next_steps"][0]
    for name, value in (("1", "95%"), ("2", "yes"), ("3", "met")):
        await api.post(METRICS, json={"name": name, "value": value})
    assert (await api.post(check, json=only)).json()["complete"] is True


async def test_the_bundle_has_them(api: Calls, pier: Database, settings: Settings, tmp_path: Path) -> None:
    await api.post(METRICS, json={"name": "Coverage", "value": "95%", "actor": "kim"})
    made = await build_bundle(pier, settings, "pier")
    with zipfile.ZipFile(settings.artifact_root / made.path) as bundle:
        summary = bundle.read("documentation/project-summary.md").decode()
        found = json.loads(bundle.read("metrics.json"))
    assert "| Coverage | >90% | 95 % | met | kim, 95 percent is > 90 percent |" in summary
    assert "- success of Sprint 1: unknown" in summary
    assert [each["value"] for each in found["measurements"]] == ["95"]
    assert len(found["aims"]) == 4


def test_a_person_measures_on_the_command_line(
    paceline: CommandLine, tmp_path: Path, up: subprocess.Popen[str]
) -> None:
    plan = tmp_path / "pier.md"
    plan.write_text(PLAN)
    ran = paceline("run", str(plan), "--agent", "simulated", "--project", "Pier", "--no-input")
    assert ran.returncode == 0, ran.stderr
    said = paceline("measure", "pier", "Coverage", "88%", "--actor", "kim", "--reason", "nightly")
    assert said.stdout == "Coverage: 88 %, target >90%: missed (88 percent is not > 90 percent: nightly)\n"
    paceline("measure", "pier", "3", "met", "--actor", "kim", "--json")
    shown = paceline("metrics", "pier").stdout
    assert "Sprint 1: a success" in shown
    assert "88 percent is not > 90 percent: nightly" in shown
    found = json.loads(paceline("metrics", "pier", "--json").stdout)
    assert [each["verdict"] for each in found["aims"]] == ["missed", "unknown", "met", "met"]
    assert "metrics and success criteria: 2 met, 1 missed, 1 unknown" in paceline("status", "pier").stdout
    refused = paceline("measure", "pier", "Coverage", "plenty")
    assert refused.returncode == 1
    assert "is no value for Coverage" in refused.stderr
