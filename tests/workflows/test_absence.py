"""A lost agent's stories go to another that can do them, or a person is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session
from temporalio.client import WorkflowFailureError

from activities.absence import write_absence
from activities.context import ActivityContext
from activities.sprint_records import standup_now
from api.absences import AbsenceRequest, note_absence
from paceline.cli.terminal import absence_line
from paceline.domain.absence_steps import AbsenceInput
from paceline.domain.claims import ClaimDecision, ClaimRequest, Need
from paceline.domain.questions import Decision, QuestionKind
from paceline.domain.report_texts import report_text
from paceline.domain.resources import PATIENCE
from paceline.domain.states import AgentState, RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.errors import Conflict, NotFound, Refused
from paceline.store import changes, claim_absences, claims, questions, status
from tests.steering import events_named, rows, steer, until_state
from tests.world import World
from workers.absences import AbsenceWatch

pytestmark = pytest.mark.temporal

PLAN = """
# Sprint Plan: House

## Sprint 1: Walls

### Epic 1: Ground

#### Story 1.1: Dig
- **Agent**: Mason

#### Story 1.2: Pour
- **Agent**: Mason
- **Dependencies**: Story 1.1

#### Story 1.3: Measure
- **Agent**: Roofer

## Sprint 2: Roof

### Epic 2: Top

#### Story 2.1: Chimney
- **Agent**: Mason
"""
LONG = AgentDeclaration(kind="simulated", simulated_seconds=(600, 600))
QUICK = AgentDeclaration(kind="simulated")


async def say(world: World, project: str, agent: str, **more: object) -> None:
    await note_absence(
        world.database,
        world.client,
        project,
        AbsenceRequest.model_validate({"agent": agent, "actor": "ada", **more}),
    )


async def test_a_spare_takes_what_an_absent_agent_has_and_would_have_had(world: World, name: str) -> None:
    run = await world.start(PLAN, project=name, agents={"Mason": LONG, "Roofer": QUICK, "Stand-in": QUICK})
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
        await say(world, run.id, "Mason", reason="ill", id="one")
        await say(world, run.id, "Mason", reason="ill", id="one")
        result = await world.result(run.id)

        async def all_told() -> bool:
            return len(await events_named(world, run.id, "agent.replaced")) == 3

        await world.until(all_told, "the events of the moved stories")
    assert result.state is RunState.COMPLETED
    found = await rows(world, run.id)
    assert {key: found[key].agents for key in found} == {
        "Story 1.1": ["Stand-in"],
        "Story 1.2": ["Stand-in"],
        "Story 1.3": ["Roofer"],
        "Story 2.1": ["Stand-in"],
    }
    told = await events_named(world, run.id, "agent.replaced")
    assert sorted((each.story, each.data["by"], each.data["rule"]) for each in told) == [
        ("Story 1.1", "Stand-in", "spare"),
        ("Story 1.2", "Stand-in", "spare"),
        ("Story 2.1", "Stand-in", "spare"),
    ]
    assert {each.actor for each in told} == {"ada"}
    (away,) = await events_named(world, run.id, "agent.away")
    assert (away.actor, away.data["agent"], away.data["note"]) == ("ada", "Mason", "ill")


async def test_a_short_absence_leaves_later_sprints_alone(world: World, name: str) -> None:
    run = await world.start(PLAN, project=name, agents={"Mason": LONG, "Roofer": QUICK, "Stand-in": QUICK})
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
        await say(world, run.id, "Mason", until=datetime.now(UTC) + timedelta(days=1))
        await until_it_waits(world, run.id, "Story 2.1")
        found = await rows(world, run.id)
        assert found["Story 1.2"].agents == ["Stand-in"]
        assert found["Story 2.1"].agents == ["Mason"]
        await world.client.get_workflow_handle(run.id).cancel()
        with pytest.raises(WorkflowFailureError):
            await world.result(run.id)


async def test_where_nobody_can_a_person_is_asked_and_names_somebody(world: World, name: str) -> None:
    run = await world.start(
        PLAN,
        project=name,
        agents={"Mason": LONG, "Roofer": QUICK, "Guest": AgentDeclaration(kind="human")},
    )
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
        await say(world, run.id, "Mason")
        asked = await world.question(run.id)
        assert asked.kind is QuestionKind.REPLACE_AGENT
        assert "Story 1.1" in asked.text
        assert "Story 1.3" not in asked.text
        await world.answer(asked, Decision.AMEND, "Guest")

        async def refused() -> bool:
            open_ones = await world.database.read(questions.list_questions, run.id)
            return any(each.id != asked.id for each in open_ones)

        await world.until(refused, "another question")
        again = await world.question(run.id)
        assert "Guest cannot do Story 1.1: it could be Roofer" in again.text
        assert [each.name for each in again.options] == ["Roofer"]
        assert again.waiting == 3
        await world.answer(again, Decision.CHOOSE, chosen=["Roofer"], actor="bo")
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    found = await rows(world, run.id)
    assert {key: found[key].agents for key in found} == {key: ["Roofer"] for key in found}
    told = await events_named(world, run.id, "agent.replaced")
    assert {(each.actor, each.data["why"]) for each in told} == {("bo", "bo said so")}


async def test_by_a_persons_word_its_stories_wait_or_are_skipped(world: World, name: str) -> None:
    run = await world.start(PLAN, project=name, agents={"Mason": LONG, "Roofer": QUICK})
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
        await say(world, run.id, "Mason")
        await world.answer(await world.question(run.id), Decision.APPROVE)

        async def written() -> bool:
            return await world.database.read(questions.list_questions, run.id) == []

        await world.until(written, "the answer's record")
        assert (await world.database.read(changes.changes_of, run.id))[-1].number == 2
        await say(world, run.id, "Mason", wait=True)

        assert (await world.database.read(changes.changes_of, run.id))[-1].number == 2
        assert (await rows(world, run.id))["Story 1.1"].agents == ["Mason"]
        await say(world, run.id, "Mason", back=True)
        await say(world, run.id, "Mason")
        await world.answer(await world.question(run.id), Decision.REJECT, "not this time")
        result = await world.result(run.id)
    assert result.counts == {StoryState.SKIPPED: 3, StoryState.SETTLED: 1}
    assert await events_named(world, run.id, "agent.replaced") == []


async def test_the_question_goes_when_the_run_ends(world: World, name: str) -> None:
    run = await world.start(PLAN, project=name, agents={"Mason": LONG, "Roofer": QUICK})
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
        await say(world, run.id, "Mason")
        asked = await world.question(run.id)
        await world.client.get_workflow_handle(run.id).cancel()
        beside = world.client.get_workflow_handle(asked.workflow_id)
        await beside.result()
        assert await world.database.read(questions.list_questions, run.id) == []
        with pytest.raises(Conflict, match="already ended"):
            await say(world, run.id, "Mason")


async def test_an_agent_whose_heartbeat_stands_still_is_lost_only_after_it_was_watched(
    world: World, name: str
) -> None:
    run = await world.start(PLAN, project=name, agents={"Mason": QUICK, "Roofer": QUICK})
    await world.database.write(status.set_agent, run.id, "Mason", AgentState.WORKING)
    context = ActivityContext(world.database, world.settings, world.client)
    assert await AbsenceWatch(context).look() == []
    hasty = ActivityContext(
        world.database, world.settings.model_copy(update={"agent_lost_after": 1e-9}), world.client
    )
    watch = AbsenceWatch(hasty)
    assert await watch.look() == []
    (started,) = await watch.look()
    assert started.endswith("/mason")
    assert await watch.look() == []
    await world.client.get_workflow_handle(started).terminate()
    await world.client.get_workflow_handle(run.id).terminate()


async def test_of_two_words_the_later_holds_before_any_worker_runs(world: World, name: str) -> None:
    run = await world.start(PLAN, project=name, agents={"Mason": QUICK, "Roofer": QUICK})
    for each in (1, 0, 1, 0, 2):
        await say(world, run.id, "Mason", back=each == 0, wait=each == 2)
    found = await world.database.read(changes.changes_of, run.id)
    assert [each.number for each in found] == [1, 0, 1, 0, 2]
    told = [each.name for each in await world.events(run.id) if each.name.startswith("agent.")]
    assert told == ["agent.away", "agent.back", "agent.away", "agent.back", "agent.away"]
    await world.client.get_workflow_handle(run.id).terminate()


async def test_who_is_away_is_shown_with_why_and_until_when(world: World, name: str) -> None:
    run = await world.start(PLAN, project=name, agents={"Mason": LONG, "Roofer": QUICK})
    until = datetime.now(UTC) + timedelta(days=2)
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
        await say(world, run.id, "Mason", wait=True, until=until, reason="ill")
        (away,) = (await world.status(run.id)).away
        assert (away.agent, away.actor, away.note, away.waits) == ("Mason", "ada", "ill", True)
        assert away.until is not None
        assert abs(away.until - until) < timedelta(seconds=1)
        assert "agent Mason, by ada since" in absence_line(away)
        report, plan = await world.database.read(standup_now, run.id)
        assert f"- Mason is away since {away.since:%Y-%m-%d %H:%M} UTC" in report_text(report, plan)
        assert "; its stories wait for it: ill" in report_text(report, plan)
        await say(world, run.id, "Mason", back=True)
        assert (await world.status(run.id)).away == []
        await world.client.get_workflow_handle(run.id).cancel()
        with pytest.raises(WorkflowFailureError):
            await world.result(run.id)
    assert (await world.status(run.id)).away == []


async def test_an_absence_that_was_only_written_down_is_carried_out(world: World, name: str) -> None:
    run = await world.start(PLAN, project=name, agents={"Mason": LONG, "Roofer": QUICK, "Stand-in": QUICK})
    said = AbsenceInput(project=run.id, id="one#1", agent="Mason", actor="ada", note="ill")
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
        await world.database.write(write_absence, said)
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    assert {tuple(each.agents) for each in (await rows(world, run.id)).values()} == {
        ("Stand-in",),
        ("Roofer",),
    }
    (away,) = await events_named(world, run.id, "agent.away")
    assert (away.actor, away.data["note"]) == ("ada", "ill")


async def test_only_an_agent_of_a_run_that_goes_on_can_be_away(world: World, name: str) -> None:
    run = await world.start(PLAN, project=name, agents={"Mason": QUICK, "Roofer": QUICK})
    with pytest.raises(NotFound, match="has no agent Smith; it has Mason, Roofer"):
        await say(world, run.id, "Smith")
    with pytest.raises(Refused, match="is over"):
        await say(world, run.id, "Mason", until=datetime(2020, 1, 1, tzinfo=UTC))
    await world.client.get_workflow_handle(run.id).terminate()


async def until_it_waits(world: World, project: str, story: str) -> None:
    async def waits() -> bool:
        return (await rows(world, project))[story].reason == "Mason is away, its stories wait"

    await world.until(waits, f"{story} waits for Mason")


async def until_idle(world: World, project: str, story: str) -> None:
    async def ended() -> bool:
        return (await rows(world, project))[story].state is StoryState.SETTLED

    await world.until(ended, f"{story} done")


async def test_the_stories_of_who_is_away_wait_until_it_is_back(world: World, name: str) -> None:
    run = await world.start(PLAN, project=name, agents={"Mason": QUICK, "Roofer": QUICK, "Stand-in": QUICK})
    await say(world, run.id, "Mason", wait=True)
    async with world.workers():
        await until_it_waits(world, run.id, "Story 1.1")
        await until_idle(world, run.id, "Story 1.3")
        assert (await rows(world, run.id))["Story 1.1"].state is StoryState.CLAIMING
        await say(world, run.id, "Mason", back=True)
        result = await world.result(run.id)
    assert result.counts == {StoryState.SETTLED: 4}
    assert (await rows(world, run.id))["Story 1.1"].agents == ["Mason"]
    granted = await events_named(world, run.id, "claim.granted")
    (back,) = await events_named(world, run.id, "agent.back")
    assert all(each.number > back.number for each in granted if each.story != "Story 1.3")


async def test_what_is_under_way_goes_on_and_what_comes_later_waits(world: World, name: str) -> None:
    hand = AgentDeclaration(kind="simulated", concurrency=1)
    run = await world.start(PLAN, project=name, agents={"Mason": LONG, "Roofer": hand})
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
        await say(world, run.id, "Mason")
        await world.answer(await world.question(run.id), Decision.APPROVE, actor="bo")

        async def written() -> bool:
            found = await world.database.read(changes.changes_of, run.id)
            return [(each.number, each.actor) for each in found] == [(1, "ada"), (2, "bo")]

        await world.until(written, "the word that it waits")
        assert (await rows(world, run.id))["Story 1.1"].state is StoryState.WORKING
        await steer(world, run.id, "force_complete", "Story 1.1", reason="done")
        await until_it_waits(world, run.id, "Story 1.2")
        await steer(world, run.id, "force_complete", "Story 1.2", reason="done")
        await until_it_waits(world, run.id, "Story 2.1")
        await world.client.get_workflow_handle(run.id).cancel()
        with pytest.raises(WorkflowFailureError):
            await world.result(run.id)


async def test_an_absence_that_is_over_lets_its_stories_go_on(world: World, name: str) -> None:
    run = await world.start(PLAN, project=name, agents={"Mason": QUICK, "Roofer": QUICK})
    await say(world, run.id, "Mason", wait=True, until=datetime.now(UTC) + timedelta(seconds=3))
    async with world.workers():
        result = await world.result(run.id)
    assert result.counts == {StoryState.SETTLED: 4}


async def test_nobody_who_needs_somebody_that_is_away_keeps_others_from_files(world: World) -> None:
    """It would be promised its files after it was passed over so often, and might need them weeks later."""

    def ask(number: int) -> ClaimRequest:
        needs = [Need(resource="file:a")] if number else [Need(resource="file:a"), Need(resource="agent:p:A")]
        return ClaimRequest(claim=str(number), scope="s", holder=str(number), project="p", needs=needs)

    def asked(session: Session, number: int) -> str:
        return claims.request_claim(session, ask(number)).state

    assert await world.database.write(claim_absences.hold_absences, "s", "p", {"A": 1}) == []
    assert await world.database.write(claims.request_claim, ask(0)) == ClaimDecision(
        claim="0", state="waiting", position=1, waits_for=["A is away"]
    )
    for number in range(1, 2 * PATIENCE):
        assert await world.database.write(asked, number) == "granted"
        await world.database.write(claims.release_claim, str(number))
    (granted,) = await world.database.write(claim_absences.hold_absences, "s", "p", {})
    assert granted.claim == "0"


async def test_a_question_does_not_offer_who_went_away_too(world: World, name: str) -> None:
    agents = {"Mason": LONG, "Roofer": QUICK}
    run = await world.start(PLAN, project=name, agents=agents)
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
        await until_idle(world, run.id, "Story 1.3")
        await say(world, run.id, "Mason")
        asked = await world.question(run.id)
        assert [each.name for each in asked.options] == ["Roofer"]
        await say(world, run.id, "Roofer")

        async def anew() -> bool:
            found = await world.database.read(questions.list_questions, run.id)
            return [(each.id != asked.id, each.options) for each in found] == [(True, [])]

        await world.until(anew, "the question anew, without Roofer")
        await world.client.get_workflow_handle(run.id).cancel()
        with pytest.raises(WorkflowFailureError):
            await world.result(run.id)


async def test_who_a_story_was_taken_from_is_idle(world: World, name: str) -> None:
    run = await world.start(PLAN, project=name, agents={"Mason": LONG, "Roofer": QUICK, "Stand-in": LONG})
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
        await steer(world, run.id, "reassign", "Story 1.1", agents=["Stand-in"])

        async def taken() -> bool:
            agents = {each.agent: (each.state, each.story) for each in (await world.status(run.id)).agents}
            return agents.get("Mason") == (AgentState.IDLE, None) and agents.get("Stand-in") == (
                AgentState.WORKING,
                "Story 1.1",
            )

        await world.until(taken, "Mason idle and Stand-in at work")
        await world.client.get_workflow_handle(run.id).cancel()
        with pytest.raises(WorkflowFailureError):
            await world.result(run.id)
