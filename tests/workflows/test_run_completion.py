"""A run completes by its own criteria, or by a person's word."""

from __future__ import annotations

from typing import Any

import pytest

from api.main import create_app
from paceline.domain.events import EventType
from paceline.domain.questions import Decision, QuestionKind
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import completion
from tests.integration.api.allotment import calling
from tests.sample_plans import E, S, plan
from tests.scripted_person import run_with_a_person
from tests.steering import events_named, until_state
from tests.world import World

pytestmark = pytest.mark.temporal

FAILING = AgentDeclaration(kind="simulated", failure_rate=1.0, max_attempts=1)
TWO_EPICS = plan(E("1", [S("1.1")]), E("2", [S("2.1", agent="Other")]), agents=("Builder", "Other"))
DONE = "\n## Definition of Done\n- [ ] The release notes are read\n"


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        (None, RunState.INCOMPLETE),
        ({"stories": False, "require": ["Epic 1"]}, RunState.COMPLETED),
        ({"stories": False, "require": ["Story 2.1"]}, RunState.INCOMPLETE),
    ],
    ids=["every story", "the epic that succeeded", "the story that failed"],
)
async def test_the_criteria_decide_whether_a_run_is_completed(
    world: World, name: str, criteria: dict[str, Any] | None, expected: RunState
) -> None:
    agents = {"*": AgentDeclaration(kind="simulated"), "Other": FAILING}
    run = await world.start(TWO_EPICS, project=name, agents=agents, completion=criteria)
    ran = await run_with_a_person(world, run, lambda question: Decision.REJECT)
    assert [question.story for question in ran.asked(QuestionKind.TAKE_OVER)] == ["Story 2.1"]
    assert ran.result.state is ran.status.run.state is expected
    assert ran.result.counts == {StoryState.SETTLED: 1, StoryState.FAILED: 1}
    assert ran.result.bundle is not None
    (end,) = ran.named(f"project.{expected.value}")
    assert end.type is EventType.WORKFLOW_EVENT


@pytest.mark.parametrize(
    ("gates", "decision", "expected"),
    [
        ("person", Decision.APPROVE, RunState.COMPLETED),
        ("person", Decision.REJECT, RunState.INCOMPLETE),
        ("record", Decision.APPROVE, RunState.INCOMPLETE),
    ],
    ids=["confirmed", "refused", "nobody asked"],
)
async def test_a_definition_of_done_can_be_a_criterion(
    world: World, name: str, gates: str, decision: Decision, expected: RunState
) -> None:
    def script(question: Any) -> Decision:
        return decision if question.kind is QuestionKind.CONFIRM_DONE else Decision.APPROVE

    human = {"*": AgentDeclaration(kind="human")}
    run = await world.start(
        plan(E("1", [S("1.1")])) + DONE,
        project=name,
        agents=human,
        gates=gates,
        completion={"definition_of_done": True},
    )
    ran = await run_with_a_person(world, run, script)
    assert ran.result.state is expected
    check = await world.database.read(completion.look, run.id)
    assert check.complete is (expected is RunState.COMPLETED)
    assert bool(check.next_steps) is not check.complete


@pytest.mark.parametrize("criteria", [None, {"stories": False, "require": ["Epic 1"]}])
async def test_a_sprint_that_is_not_accepted_ends_the_run_and_every_view_says_why(
    world: World, name: str, criteria: dict[str, Any] | None
) -> None:
    human = {"*": AgentDeclaration(kind="human")}
    run = await world.start(
        plan(E("1", [S("1.1")])), project=name, agents=human, approve_sprints=True, completion=criteria
    )

    def script(question: Any) -> Decision:
        return Decision.REJECT if question.kind is QuestionKind.APPROVE_SPRINT else Decision.APPROVE

    ran = await run_with_a_person(world, run, script)
    assert ran.result.state is ran.status.run.state is RunState.INCOMPLETE
    reason = f"ada did not accept {ran.status.stories[0].sprint}: as agreed"
    (end,) = ran.named("project.incomplete")
    assert end.data["reason"] == ran.status.end_reason == reason
    check = await world.database.read(completion.look, run.id)
    assert not check.complete
    assert check.criteria[0].missing == [reason]
    assert reason in check.next_steps[0]


async def test_a_person_completes_a_run_and_the_log_keeps_who_and_why(world: World, name: str) -> None:
    slow = {"*": AgentDeclaration(kind="simulated", simulated_seconds=(600, 600))}
    run = await world.start(plan(E("1", [S("1.1"), S("1.2", "Story 1.1")])), project=name, agents=slow)
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
        wish = {"actor": "ada", "reason": "the rest is for autumn", "id": "once"}
        async with calling(create_app(world.database, world.client, world.settings)) as calls:
            reply = await calls.post(f"/api/v1/projects/{run.id}/force-complete", json=wish)
        assert reply.json()["state"] == "taken"
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    assert result.bundle is not None
    (steered,) = await events_named(world, run.id, "steered")
    assert (steered.actor, steered.data["reason"]) == ("ada", "the rest is for autumn")
    (end,) = await events_named(world, run.id, "project.completed")
    assert end.data["forced_by"] == "ada"
    assert end.data["reason"] == "ada said that it is complete: the rest is for autumn"
    assert (await world.database.read(completion.look, run.id)).complete
