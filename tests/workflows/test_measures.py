"""Metrics and success criteria get actual values: from commands, and from people where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError

from api.main import create_app
from paceline.domain.aims import Verdict
from paceline.domain.measurements import AimState, Source
from paceline.domain.questions import Decision, Question, QuestionKind
from paceline.domain.reports import ReportKind
from paceline.domain.states import RunState
from paceline.store import artifacts, measurements, questions, reports
from tests.integration.api.allotment import calling
from tests.steering import events_named, steer
from tests.world import World, scripted

pytestmark = pytest.mark.temporal

PLAN = """
# Sprint Planning: Boat Yard

## Sprint 1: Hull (Week 1)

**Stories**:
- Story 1.1: Planks
  - **Agent**: Builder
  - **Files Modified**: `a.txt`

**Success Criteria**:
- [ ] The hull floats
- [ ] The planks are there

## Success Metrics
- **Coverage**: >90%
- **Bug count**: <5
- **Reply**: <100 ms
- **Feedback**: The customer is happy
"""
SECOND = """
## Sprint 2: Mast (Week 2)

**Stories**:
- Story 2.1: Knots
  - **Agent**: Builder
  - **Files Modified**: `b.txt`

**Success Criteria**:
- [ ] The knots hold

## Success Metrics"""
COMMANDS = {
    "coverage": "echo 'line 1'; echo 'TOTAL 93.5%'; echo 'took 12 s' >&2",
    "Bug count": "echo 5",
    "Reply": "echo fast; exit 3",
    "The planks are there": "test -f a.txt",
}


async def test_commands_measure_on_the_sprints_branch_and_people_are_asked_for_the_rest(
    world: World, name: str, repository: Path
) -> None:
    run = await world.start(
        PLAN,
        project=name,
        repository=repository,
        agents=scripted(),
        metrics={"commands": COMMANDS},
        calendar={"reports": True},
    )
    async with world.workers():
        result = await world.result(run.id)
        assert result.state is RunState.COMPLETED
        found = await _states(world, run.id)
        assert _told(found["Coverage"]) == (Verdict.MET, "93.5 %", "93.5 percent is > 90 percent")
        assert _told(found["Bug count"]) == (Verdict.MISSED, "5", "5 bugs is not < 5 bugs")
        assert _told(found["Reply"]) == (Verdict.UNKNOWN, None, "the command ended with status 3")
        assert _told(found["The planks are there"]) == (
            Verdict.MET,
            None,
            "the command ended with status 0",
        )
        await _has_evidence(world, run.id, found["Coverage"])
        asked = await _asked(world, run.id)
        assert [option.text for option in asked.options] == ["The hull floats", "Reply", "Feedback"]
        await _refuses_what_is_no_value(world, asked)
        text = "1: met: it was in the water\nReply: 99.5ms\n"
        await world.answer(asked, Decision.AMEND, text, actor="grace")
        await world.until(lambda: _is(world, run.id, "Reply", Verdict.MET), "the answer is written down")
    found = await _states(world, run.id)
    assert (found["The hull floats"].actor, found["The hull floats"].reason) == (
        "grace",
        "it was in the water",
    )
    assert (found["Reply"].source, found["Reply"].actual) == (Source.PERSON, "99.5 ms")
    assert found["Feedback"].verdict is Verdict.UNKNOWN
    told = await events_named(world, run.id, "metric.measured")
    assert [(each.data["metric"], each.data["verdict"], each.actor) for each in told] == [
        ("Coverage", "met", "paceline"),
        ("Bug count", "missed", "paceline"),
        ("Reply", "unknown", "paceline"),
        ("The planks are there", "met", "paceline"),
        ("The hull floats", "met", "grace"),
        ("Reply", "met", "grace"),
    ]
    review = (await world.database.read(reports.reports_of, run.id, kind=ReportKind.REVIEW))[0].data
    assert [(each["name"], each["actual"], each["verdict"]) for each in review["metrics"]][:2] == [
        ("Coverage", "93.5 %", "met"),
        ("Bug count", "5", "missed"),
    ]
    assert review["success"] == "unknown"


async def _has_evidence(world: World, project: str, state: AimState) -> None:
    kept = await world.database.read(artifacts.list_artifacts, project)
    paths = {each.id: world.settings.artifact_root / each.path for each in kept}
    assert state.evidence is not None
    assert paths[state.evidence].read_text() == "line 1\nTOTAL 93.5%\n"
    assert paths[state.evidence].with_suffix(".err").read_text() == "took 12 s\n"


async def _refuses_what_is_no_value(world: World, asked: Question) -> None:
    for text, sentence in (
        ("Speed: 5", "names nothing that was asked"),
        ("Reply: quick", "is no value for Reply"),
        ("Reply: 20 MB", "another unit"),
        ("Feedback: 5", "target is in words; say met or missed"),
        ("1: met\n1: missed", "is named twice"),
    ):
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await world.answer(asked, Decision.AMEND, text)
        assert sentence in str(refused.value.cause)


async def test_a_sprint_that_waits_does_not_end_before_its_criteria_have_verdicts(
    world: World, name: str, repository: Path
) -> None:
    run = await world.start(
        PLAN,
        project=name,
        repository=repository,
        agents=scripted(),
        completion={"metrics": True},
        metrics={"commands": {"Coverage": "echo 95", "Bug count": "echo 0", "Reply": "echo 7"}},
    )
    async with world.workers():
        first = await world.question(run.id)
        assert first.kind is QuestionKind.MEASURE_METRICS
        await world.answer(first, Decision.CHOOSE, chosen=["1"])
        second = await _asked(world, run.id, after=first.id)
        assert second.options[0].text == "The planks are there"
        assert (await world.status(run.id)).run.state is RunState.RUNNING
        await world.answer(second, Decision.APPROVE, "seen")
        result = await world.result(run.id)
    report = await world.database.read(measurements.metrics_report, run.id)
    assert {each.verdict for each in report.aims} == {Verdict.MET}
    assert report.sprints == {"Sprint 1": Verdict.MET}
    assert result.state is RunState.COMPLETED


async def test_a_missed_metric_keeps_a_run_that_wants_them_from_being_completed(
    world: World, name: str, repository: Path
) -> None:
    wanted = {"ask": "nobody", "commands": {"Bug count": "echo 9"}}
    run = await world.start(
        PLAN,
        project=name,
        repository=repository,
        agents=scripted(),
        completion={"metrics": True},
        metrics=wanted,
    )
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.INCOMPLETE
    assert await world.database.read(questions.list_questions, run.id) == []


async def test_the_question_of_a_later_sprint_takes_the_place_of_the_earlier(
    world: World, name: str, repository: Path
) -> None:
    text = PLAN.replace("\n## Success Metrics", SECOND)
    run = await world.start(text, project=name, repository=repository, agents=scripted())
    async with world.workers():
        await world.result(run.id)
        await world.until(lambda: only_last(world, run.id), "one question is left")
        (left,) = await world.database.read(questions.list_questions, run.id)
        assert [option.text for option in left.options] == [
            "The knots hold", "Coverage", "Bug count", "Reply", "Feedback", "The hull floats",
            "The planks are there",
        ]  # fmt: skip
        await world.answer(left, Decision.REJECT)
        handle = world.client.get_workflow_handle(left.workflow_id)
        await handle.result()
    report = await world.database.read(measurements.metrics_report, run.id)
    assert report.sprints == {"Sprint 1": Verdict.UNKNOWN, "Sprint 2": Verdict.UNKNOWN}


async def test_a_rehearsal_asks_nobody(world: World, name: str) -> None:
    run = await world.start(PLAN + "- **Stories completed**: 1\n", project=name)
    async with world.workers():
        await world.result(run.id)
    assert await world.database.read(questions.list_questions, run.id) == []
    found = await _states(world, run.id)
    assert found["Stories completed"].source is Source.COUNT
    assert _told(found["Stories completed"]) == (Verdict.MET, "1", "1 is >= 1: 1 of 1")
    assert found["Feedback"].reason == "not measured"


async def test_a_forced_end_does_not_wait_for_a_verdict(world: World, name: str, repository: Path) -> None:
    run = await world.start(
        PLAN, project=name, repository=repository, agents=scripted(), metrics={"ask": "wait"}
    )
    async with world.workers():
        await world.question(run.id)
        await steer(world, run.id, "force_complete", reason="enough")
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED


async def test_a_cancelled_run_takes_its_question_back(world: World, name: str, repository: Path) -> None:
    run = await world.start(
        PLAN, project=name, repository=repository, agents=scripted(), metrics={"ask": "wait"}
    )
    async with world.workers():
        asked = await world.question(run.id)
        await world.client.get_workflow_handle(run.id).cancel()
        with pytest.raises(WorkflowFailureError):
            await world.result(run.id)
        await world.client.get_workflow_handle(asked.workflow_id).result()
    assert (await world.database.read(questions.get_question, asked.id)).state == "withdrawn"


async def test_what_is_said_beside_the_question_closes_it_when_nothing_is_left(
    world: World, name: str, repository: Path
) -> None:
    commands = {"Coverage": "echo 95", "Bug count": "echo 0", "Reply": "echo 7", "The hull floats": "true"}
    run = await world.start(
        PLAN, project=name, repository=repository, agents=scripted(), metrics={"commands": commands}
    )
    async with world.workers():
        await world.result(run.id)
        asked = await world.question(run.id)
        assert [option.text for option in asked.options] == ["The planks are there", "Feedback"]
        async with calling(create_app(world.database, world.client, world.settings)) as calls:
            for metric, value in (("Feedback", "yes"), ("The planks are there", "missed")):
                said = {"name": metric, "value": value, "actor": "kim"}
                reply = await calls.post(f"/api/v1/projects/{run.id}/metrics", json=said)
                assert reply.status_code == 201
        await world.client.get_workflow_handle(asked.workflow_id).result()
    assert (await world.database.read(questions.get_question, asked.id)).state == "withdrawn"
    report = await world.database.read(measurements.metrics_report, run.id)
    assert report.sprints == {"Sprint 1": Verdict.MISSED}


async def _states(world: World, project: str) -> dict[str, AimState]:
    found = await world.database.read(measurements.states_of, project)
    return {each.name: each for each in found}


def _told(state: AimState) -> tuple[Verdict, str | None, str]:
    return state.verdict, state.actual, state.reason


async def _is(world: World, project: str, name: str, verdict: Verdict) -> bool:
    return (await _states(world, project))[name].verdict is verdict


async def _asked(world: World, project: str, after: str = "") -> Question:
    async def there() -> bool:
        found = await world.database.read(questions.list_questions, project)
        return any(each.id != after for each in found)

    await world.until(there, "a question about metrics")
    found = await world.database.read(questions.list_questions, project)
    return next(each for each in found if each.id != after)


async def only_last(world: World, project: str) -> bool:
    """Whether the second sprint's question is the only one that is open."""
    found = await world.database.read(questions.list_questions, project)
    return [each.workflow_id for each in found] == [f"{project}@measures/sprint-2"]
