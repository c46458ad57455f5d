"""Each shared document runs to its end with simulated agents and a scripted person, by its own rules.

What is asserted is read from the event log, the status, the reports and the bundle, against the hand-made
truths.
"""

from __future__ import annotations

import uuid
import zipfile
from collections.abc import AsyncGenerator, Callable
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from paceline.agents.simulated import simulate
from paceline.domain.plan import Plan
from paceline.domain.questions import Decision, Question, QuestionKind
from paceline.domain.reports import ReportKind
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration, WorkOrder, WorkOutcome
from paceline.plans.reader import read_plan
from paceline.store import artifacts
from tests.scripted_person import PERSON, Ran, approving, run_with_a_person, succeeded
from tests.shared_plans import plan_text, truth
from tests.world import World, open_world
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal

AGENTS_PLAN, EPIC, SEVEN_SPRINTS, DAYS, SUMMARY = (
    "webrtc-sprint",
    "epic-001-assignment",
    "autolynx-sprints",
    "nova-torch-sprint",
    "bmad-sprint-3-summary",
)
SHORT_DAYS = {"day_length": "0.1s"}
STEADY = AgentDeclaration(kind="simulated", simulated_seconds=(0.02, 0.1), concurrency=100)
HUMAN = AgentDeclaration(kind="human", concurrency=100)


@pytest_asyncio.fixture
async def world(tmp_path: Path, temporal_server: EmbeddedServer) -> AsyncGenerator[World]:
    """Everything but workers."""
    async with open_world(tmp_path / "home", temporal_server.address) as opened:
        yield opened


async def play(
    world: World, document: str, script: Callable[[Question], Decision] = approving, **options: Any
) -> Ran:
    """Run a document as the API starts it, with a person who answers by the script."""
    chosen: dict[str, Any] = {
        "agents": {"*": STEADY},
        "criteria": "person",
        "gates": "person",
        "calendar": SHORT_DAYS,
        # How a sprint is doing depends on this machine's speed, and its proposals have tests of their own.
        "late_sprints": "never",
        "ahead_sprints": "never",
    }
    project = f"p-{uuid.uuid4().hex[:8]}"
    run = await world.start(plan_text(document), project=project, **(chosen | options))
    ran = await run_with_a_person(world, run, script)
    check_the_log(ran)
    await check_the_bundle(world, ran)
    return ran


# What holds of every run ---


def check_the_log(ran: Ran) -> None:
    """Numbers without gaps, one beginning and one end, every edge kept, the sprints one after the other."""
    assert [event.number for event in ran.events] == list(range(1, len(ran.events) + 1))
    names = [event.name for event in ran.events]
    assert names[0] == "project.started"
    assert sum(name in ("project.completed", "project.incomplete") for name in names) == 1
    assert {event.actor for event in ran.events} <= {"paceline", PERSON}
    assert {event.actor for event in ran.named("question.answered")} <= {PERSON}
    spans = ran.spans()
    for story in spans:
        for before in ran.stories[story].dependencies:
            assert before not in spans or spans[before][1] < spans[story][0], (before, story)
    check_sprint_order(ran)
    check_reports(ran)


def check_sprint_order(ran: Ran) -> None:
    """Every story of a sprint has ended before one of the next begins, and before that sprint starts."""
    spans = ran.last_spans()
    by_sprint: dict[str, list[tuple[int, int]]] = {}
    for story in ran.status.stories:
        if story.id in spans:
            by_sprint.setdefault(story.sprint, []).append(spans[story.id])
    for before, after in pairwise(by_sprint.values()):
        assert max(end for _, end in before) < min(begin for begin, _ in after)
    started = {str(event.data["sprint"]): event.number for event in ran.named("sprint.started")}
    for (_, earlier), (sprint, _) in pairwise(by_sprint.items()):
        assert max(end for _, end in earlier) < started[sprint]


def check_reports(ran: Ran) -> None:
    """Each sprint is planned, reviewed and looked back on once, and each of its days has its reports."""
    for event in ran.named("sprint.started"):
        sprint = str(event.data["sprint"])
        for once in (ReportKind.PLANNING, ReportKind.REVIEW, ReportKind.RETROSPECTIVE):
            assert len(ran.made(once, sprint)) == 1, (sprint, once)
        for daily in (ReportKind.STANDUP, ReportKind.DAILY):
            days = [report.data["period"] for report in ran.made(daily, sprint)]
            assert all(a["last_day"] + 1 == b["first_day"] for a, b in pairwise(days))
            assert days == [] or days[0]["first_day"] == 1


async def check_the_bundle(world: World, ran: Ran) -> None:
    """It was made unattended, and holds every report and every answer."""
    (bundle,) = await world.database.read(artifacts.list_artifacts, ran.run.id, None, "bundle")
    assert ran.result.bundle == bundle.id
    with zipfile.ZipFile(world.settings.artifact_root / bundle.path) as found:
        names = found.namelist()
        asked = found.read("questions.json").decode()
    assert "manifest.json" in names
    assert sum(name.startswith("reports/") and name.endswith(".json") for name in names) == len(ran.reports)
    assert all(question.id in asked for question in ran.answered)


# The sprint of five agents ---


async def test_the_agents_sprint_keeps_edges_phases_locks_and_collaboration(world: World) -> None:
    ran = await play(world, AGENTS_PLAN)
    told, spans = truth(AGENTS_PLAN), ran.spans()
    assert succeeded(ran)
    assert ran.result.counts == {StoryState.SETTLED: told["counts"]["stories"]}
    assert set(spans) == set(ran.stories)
    for story in told["stories"]:
        for before in story["dependencies"]["recommended_effective_stories"]:
            assert spans[before][1] < spans[story["id"]][0]
        assert ran.workers(story["id"]) == set(ran.stories[story["id"]].agents)
    check_phases(told["phases"], spans)
    check_locks(told, spans)


def check_phases(phases: list[dict[str, Any]], spans: dict[str, tuple[int, int]]) -> None:
    """The phases with stories come one after the other: here the dependencies say so."""
    groups = [
        [spans[step["story_inferred"]] for step in phase["steps"] if step["story_inferred"]]
        for phase in phases
    ]
    assert all(groups)
    for before, after in pairwise(groups):
        assert max(end for _, end in before) < min(begin for begin, _ in after)


def check_locks(told: dict[str, Any], spans: dict[str, tuple[int, int]]) -> None:
    """Two stories never hold one shared file at once."""
    shared = [each["touched_by"] for each in told["shared_resources_requiring_lock"]]
    assert max(map(len, shared)) > 1
    for touched in shared:
        for one, other in combinations(touched, 2):
            assert spans[one][1] < spans[other][0] or spans[other][1] < spans[one][0]


async def test_the_whole_team_and_both_agents_of_a_collaboration_are_named(world: World) -> None:
    ran = await play(world, AGENTS_PLAN, max_parallel=1)
    told, plan = truth(AGENTS_PLAN), read_plan(plan_text(AGENTS_PLAN))
    (both,) = [story for story in told["stories"] if story["collaboration"]]
    assert len(ran.workers(both["id"])) == 2
    workers = [agent.id for agent in plan.agents if not agent.coordinator]
    everybody = [
        step
        for phase, written in zip(plan.phases, told["phases"], strict=True)
        for step, said in zip(phase.steps, written["steps"], strict=True)
        if said["agents"] == ["All Agents"]
    ]
    assert [step.agents for step in everybody] == [workers]
    spans = sorted(ran.spans().values())
    assert all(before[1] < after[0] for before, after in pairwise(spans))


# The epic over five sprints, the last of them optional ---


@pytest.mark.parametrize("wanted", [True, False], ids=["started", "left out"])
async def test_the_epic_asks_about_its_optional_sprint(world: World, wanted: bool) -> None:
    def script(question: Question) -> Decision:
        left_out = question.kind is QuestionKind.START_OPTIONAL_SPRINT and not wanted
        return Decision.REJECT if left_out else Decision.APPROVE

    ran = await play(world, EPIC, script)
    told = truth(EPIC)
    (optional,) = [sprint["id"] for sprint in told["sprints"] if sprint["optional"]]
    (asked,) = ran.asked(QuestionKind.START_OPTIONAL_SPRINT)
    assert optional in asked.text
    assert succeeded(ran)
    extra = {story.id for story in ran.status.stories if story.sprint == optional}
    assert len(extra) == told["counts"]["non_story_rows"] - 1
    assert (extra & set(ran.spans())) == (extra if wanted else set())
    assert len(ran.named("story.skipped")) == (0 if wanted else len(extra))
    assert (optional in {event.data["sprint"] for event in ran.named("sprint.started")}) is wanted
    answer = next(event for event in ran.named("question.answered"))
    assert answer.actor == PERSON
    check_points_and_splits(ran, told)


def check_points_and_splits(ran: Ran, told: dict[str, Any]) -> None:
    """A split story is one story: a part of it in each of its sprints, for its points, and one end."""
    plan, spans = read_plan(plan_text(EPIC)), ran.spans()
    rows = {story["id"]: story for story in told["stories"]}
    assert (
        sum(ran.stories[key].points or 0 for key in rows) == told["counts"]["sum_story_points_by_denominator"]
    )
    split = {key: row for key, row in rows.items() if row["partial"]}
    assert len(split) == told["counts"]["split_stories"]
    for key, row in split.items():
        assert ran.stories[key].sprint == row["sprints"][-1]
        assert sum(event.story == key and event.name == "claim.granted" for event in ran.events) == 2
        assert sum(event.story == key and event.name == "story.settled" for event in ran.events) == 1
        (part,) = [event.data["part"] for event in ran.named("story.part_done") if event.story == key]
        assert (part["sprint"], part["into"]) == tuple(row["sprints"])
        assert part["points"] == row["partial"][0]["points"]
        assert key in spans
    check_velocities(ran, told)
    for sprint in told["sprints"]:
        allotted = sum(
            sum(part.points for part in story.allocations if part.sprint == sprint["id"])
            if story.allocations
            else (story.points or 0) * (sprint["id"] in story.sprints)
            for story in plan.stories
        )
        assert allotted == sprint["points_sum_of_rows"]
        for planning in ran.made(ReportKind.PLANNING, sprint["id"]):
            parts = [(part["story"], part["points"], part["done_in"]) for part in planning.data["parts"]]
            assert sorted(parts) == sorted(
                (key, part["points"], part["sprint"])
                for key, row in split.items()
                for part in row["partial"]
                if part["sprint"] == sprint["id"]
            )


def check_velocities(ran: Ran, told: dict[str, Any]) -> None:
    """Every sprint that ran completed the points of its rows; a split story counts in each."""
    for sprint in told["sprints"]:
        for review in ran.made(ReportKind.REVIEW, sprint["id"]):
            assert review.data["completed"] == sprint["points_sum_of_rows"]
            assert review.data["planned"] == sprint["points_sum_of_rows"]


async def test_priorities_decide_who_is_next_and_all_is_every_role(world: World) -> None:
    ran = await play(world, EPIC, max_parallel=1)
    told, plan = truth(EPIC), read_plan(plan_text(EPIC))
    urgency = {story.id: int((story.priority or "P9")[1:]) for story in plan.stories}
    line: set[str] = set()
    chosen = 0
    for event in ran.events:
        if event.story is None:
            continue
        if event.name == "claim.waiting":
            line.add(event.story)
        elif event.name == "claim.granted":
            line.discard(event.story)
            chosen += bool(line)
            assert all(urgency[event.story] <= urgency[other] for other in line), (event.story, line)
    assert chosen >= len(told["sprints"])
    everybody = [row["title"] for row in told["non_story_work"] if row.get("agents_as_written") == "All"]
    named = [story for story in plan.stories if story.agents_as_written == "All"]
    assert len(named) >= len(everybody)
    for story in named:
        assert ran.workers(story.id) == {agent.id for agent in plan.agents}
    for row in told["stories"]:
        if row["collaboration"]:
            assert len(ran.workers(row["id"])) == 2


async def test_what_a_sprint_ended_without_goes_on_in_the_next(world: World) -> None:
    plan = read_plan(plan_text(EPIC))
    second = plan.sprints[1].id
    key = next(
        story.id
        for story in plan.stories
        if story.sprints == [second] and sum(story.agents == other.agents for other in plan.stories) == 2
    )
    (agent,) = next(story.agents for story in plan.stories if story.id == key)
    flaky = failing_once(plan, key, agent)

    def script(question: Question) -> Decision:
        return Decision.REJECT if question.kind is QuestionKind.TAKE_OVER else Decision.APPROVE

    ran = await play(world, EPIC, script, carry_over="person", agents={"*": STEADY, agent: flaky})
    assert [question.story for question in ran.asked(QuestionKind.TAKE_OVER)] == [key]
    (carried,) = ran.named("story.carried_over")
    assert (carried.story, carried.data["from"], carried.data["into"]) == (key, second, plan.sprints[2].id)
    assert carried.actor == PERSON
    assert ran.stories[key].sprint == plan.sprints[2].id
    assert ran.stories[key].attempt == 2
    assert succeeded(ran)


def failing_once(plan: Plan, key: str, agent: str) -> AgentDeclaration:
    """An agent whose first attempt of one story fails, and nothing else of what it does."""
    mine = [story.id for story in plan.stories if agent in story.agents]

    def fails(declaration: AgentDeclaration, story: str, attempt: int) -> bool:
        order = WorkOrder(
            project=plan.title, story=story, title=story, agent=agent, agents=[agent], attempt=attempt
        )
        return simulate(declaration, order)[1].outcome is WorkOutcome.FAILED

    for seed in range(1000):
        found = AgentDeclaration(
            kind="simulated", concurrency=100, failure_rate=0.5, seed=seed, max_attempts=1
        )
        firsts = {story for story in mine if fails(found, story, 1)}
        if firsts == {key} and not fails(found, key, 2):
            return found
    raise AssertionError("no seed fails just once")


# Seven sprints, from zero ---


async def test_seven_sprints_run_in_order_from_zero_with_their_points(world: World) -> None:
    ran = await play(world, SEVEN_SPRINTS)
    told = truth(SEVEN_SPRINTS)
    assert succeeded(ran)
    started = [event.data for event in ran.named("sprint.started")]
    assert [each["sprint"] for each in started] == [sprint["id"] for sprint in told["sprints"]]
    assert [each["points"] for each in started] == [sprint["points_stated"] for sprint in told["sprints"]]
    assert sum(story.points or 0 for story in ran.status.stories) == told["counts"]["sum_of_rows"]
    assert len(ran.spans()) == told["counts"]["items"]
    for sprint in told["sprints"]:
        mine = [story for story in ran.status.stories if story.sprint == sprint["id"]]
        assert len(mine) == sprint["items"]
        (planning,) = ran.made(ReportKind.PLANNING, sprint["id"])
        fits = planning.data["points"] >= planning.data["capacity"][0]
        assert fits is sprint["within_capacity"]


async def test_people_answer_for_ready_and_done_of_every_sprint(world: World) -> None:
    ran = await play(world, SEVEN_SPRINTS, agents={"*": HUMAN})
    told = truth(SEVEN_SPRINTS)
    assert succeeded(ran)
    assert len(ran.asked(QuestionKind.HUMAN_STORY)) == told["counts"]["items"]
    ready, done = ran.asked(QuestionKind.CONFIRM_READY), ran.asked(QuestionKind.CONFIRM_DONE)
    assert len(ready) == len(done) == told["counts"]["sprints"]
    own = [item["text"] for item in told["sprints"][0]["definition_of_done"]]
    assert len(own) == told["counts"]["sprint_definition_of_done_items"]
    assert [all(text in question.text for text in own) for question in done] == [True] + [False] * 6


# A sprint of days ---


async def test_the_days_are_named_and_its_definition_of_done_holds_it(world: World) -> None:
    ran = await play(world, DAYS, agents={"*": HUMAN}, calendar={"day_length": "0.4s"})
    told = truth(DAYS)
    assert succeeded(ran)
    assert len(ran.spans()) == len(told["stories"])
    (done,) = ran.asked(QuestionKind.CONFIRM_DONE)
    assert all(item["text"] in done.text for item in told["definition_of_done"])
    # The groups of days have no mode, so they order nothing: they are what a day is called.
    assert all(not story.dependencies for story in ran.status.stories)
    sprint = ran.status.stories[0].sprint
    (planning,) = ran.made(ReportKind.PLANNING, sprint)
    assert planning.data["stated_points"] == told["sprints"][0]["points_planned"]
    assert planning.data["points"] == pytest.approx(told["sprints"][0]["points_planned"])
    for report in ran.made(ReportKind.STANDUP, sprint):
        day = report.data["period"]["last_day"]
        expected = [p["id"] for p in told["phases"] if p["days"][0] <= day <= p["days"][1]]
        assert [name.split(":")[0] for name in report.data["period"]["phases"]] == expected
    (review,) = ran.made(ReportKind.REVIEW, sprint)
    assert review.data["period"]["planned_days"] == 14


async def test_a_sprint_that_is_not_done_ends_the_run_without_success(world: World) -> None:
    def script(question: Question) -> Decision:
        return Decision.REJECT if question.kind is QuestionKind.CONFIRM_DONE else Decision.APPROVE

    ran = await play(world, DAYS, script, agents={"*": HUMAN})
    assert ran.result.state is RunState.INCOMPLETE
    assert len(ran.asked(QuestionKind.CONFIRM_DONE)) == 1


# A sprint that was over before ---


async def test_an_imported_completion_is_settled_and_nothing_of_it_runs(world: World) -> None:
    ran = await play(world, SUMMARY)
    told = truth(SUMMARY)
    assert ran.result.state is RunState.COMPLETED
    assert [story.title for story in ran.status.stories] == [story["title"] for story in told["stories"]]
    assert {story.state for story in ran.status.stories} == {StoryState.SETTLED}
    assert all("before this run" in (story.reason or "") for story in ran.status.stories)
    assert ran.status.percent == 100.0
    assert ran.spans() == {}
    assert {event.name for event in ran.events} & {"attempt.started", "agent.status", "merge.made"} == set()
    assert ran.answered == []
