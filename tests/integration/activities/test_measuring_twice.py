"""Measuring a sprint twice runs no command twice, and a death in the middle loses nothing."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.context import ActivityContext
from activities.measuring import MeasuringActivities
from paceline.domain.aims import Verdict
from paceline.domain.metric_steps import MeasureReport, MeasureStep, OpenStep, SaidStep
from paceline.domain.questions import Answer, Decision
from paceline.store import artifacts, measurements
from tests.sample_plans import E, S, plan
from tests.world import World, make_repository, scripted

pytestmark = pytest.mark.temporal

PLAN = (
    plan(E("1", [S("1.1", files=("a.txt",))]))
    + """
## Success Metrics
- **Coverage**: >90%
- **Luck**: >= 0 points
- **Feedback**: The customer is happy
"""
)
COMMANDS = {"Coverage": "echo 91", "Luck": "od -An -N4 -tu4 /dev/urandom"}


async def a_step(world: World, tmp_path: Path, **metrics: object) -> MeasureStep:
    """The end of the sprint of a run that nobody works on."""
    run = await world.start(
        PLAN,
        project=f"p-{uuid.uuid4().hex[:10]}",
        repository=make_repository(tmp_path / "repository"),
        agents=scripted(),
        metrics={"commands": COMMANDS, **metrics},
    )
    return MeasureStep(project=run.id, sprint="Sprint")


def activities(world: World) -> MeasuringActivities:
    """As a worker has them."""
    return MeasuringActivities(ActivityContext(world.database, world.settings, world.client))


def at_try(number: int, run_id: str = "0123456789") -> ActivityEnvironment:
    """The surroundings of one try."""
    found = ActivityEnvironment()
    found.info = replace(found.info, attempt=number, workflow_run_id=run_id)
    return found


async def test_a_second_try_runs_only_what_the_first_did_not_measure(world: World, tmp_path: Path) -> None:
    step = await a_step(world, tmp_path)
    root = world.settings.artifact_root / step.project / "metrics"
    root.mkdir(parents=True)
    (root / "sprint-01234567-try-1").mkdir()
    (root / "sprint-01234567-try-1" / "luck").write_text("a file is where the folder should be")
    own = activities(world)
    with pytest.raises(OSError, match="luck"):
        await at_try(1).run(own.measure_sprint, step)
    first = await world.database.read(measurements.measurements_of, step.project)
    assert [each.aim for each in first] == ["Coverage"]
    report = await at_try(2).run(own.measure_sprint, step)
    second = await world.database.read(measurements.measurements_of, step.project)
    assert [each.aim for each in second] == ["Coverage", "Luck"]
    assert await at_try(3).run(own.measure_sprint, step) == report == MeasureReport(ask=True)
    assert await world.database.read(measurements.measurements_of, step.project) == second
    kept = await world.database.read(artifacts.list_artifacts, step.project, kind="evidence")
    assert {each.id for each in kept} == {each.evidence for each in second}
    assert sorted(path.name for path in root.iterdir()) == [
        "sprint-01234567-try-1",
        "sprint-01234567-try-2",
    ]
    told = [
        each.data["metric"] for each in await world.events(step.project) if each.name == "metric.measured"
    ]
    assert told == ["Coverage", "Luck"]


async def test_a_sprint_that_runs_again_measures_again(world: World, tmp_path: Path) -> None:
    step = await a_step(world, tmp_path, ask="nobody")
    own = activities(world)
    for run_id in ("aaaaaaaa", "bbbbbbbb"):
        assert await at_try(1, run_id).run(own.measure_sprint, step) == MeasureReport()
    found = await world.database.read(measurements.measurements_of, step.project)
    assert [each.aim for each in found] == ["Coverage", "Luck"] * 2


async def test_an_answer_written_down_twice_is_one(world: World, tmp_path: Path) -> None:
    step = await a_step(world, tmp_path)
    own = activities(world)
    asked = OpenStep(project=step.project, sprint=step.sprint)
    found = await ActivityEnvironment().run(own.open_aims, asked)
    assert [each.name for each in found.aims] == ["Coverage", "Luck", "Feedback"]
    answer = Answer(question="q", decision=Decision.AMEND, text="3: met\nCoverage: 88%", actor="kim")
    said = SaidStep(project=step.project, sprint=step.sprint, answer=answer, aims=found.aims)
    for _ in range(2):
        await ActivityEnvironment().run(own.record_said, said)
    stored = await world.database.read(measurements.measurements_of, step.project)
    assert [(each.aim, each.value, each.verdict, each.actor) for each in stored] == [
        ("Feedback", None, Verdict.MET, "kim"),
        ("Coverage", "88", None, "kim"),
    ]
    left = await ActivityEnvironment().run(own.open_aims, asked)
    assert [each.name for each in left.aims] == ["Luck"]
