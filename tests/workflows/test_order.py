"""Stories start in dependency order, in parallel where the plan allows, and end settled."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus

from paceline import search_attributes
from paceline.domain.events import Event
from paceline.domain.states import AgentState, RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import claims
from tests.sample_plans import E, S, plan
from tests.world import World

pytestmark = pytest.mark.temporal

CROSSING = plan(
    E("1", [S("1.1"), S("1.2", "Story 1.1"), S("1.3", "Story 1.2")]),
    E("2", [S("2.1", "Story 1.1"), S("2.2", "Story 2.1, Story 1.3")]),
    E("3", [S("3.1"), S("3.2")], depends="Epics 1-2"),
)


def numbers(events: list[Event], name: str) -> dict[str, int]:
    """Story to the number of its first event of a name."""
    found: dict[str, int] = {}
    for event in events:
        if event.name == name and event.story is not None:
            found.setdefault(event.story, event.number)
    return found


async def test_every_story_starts_after_what_it_depends_on(world: World, name: str) -> None:
    run = await world.start(CROSSING, project=name)
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    assert result.counts == {StoryState.SETTLED: 7}
    events = await world.events(run.id)
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    started, ended = numbers(events, "claim.granted"), numbers(events, "story.settled")
    status = await world.status(run.id)
    assert len(ended) == len(status.stories) == 7
    edges = [(before, story.id) for story in status.stories for before in story.dependencies]
    assert len(edges) == 15
    assert all(ended[before] < started[after] for before, after in edges)
    assert status.percent == 100.0
    assert {agent.state for agent in status.agents} == {AgentState.IDLE}
    assert await world.database.read(claims.list_claims) == []


async def test_max_parallel_is_never_exceeded(world: World, name: str) -> None:
    text = plan(E("1", [S(f"1.{number}") for number in range(1, 9)]))
    run = await world.start(text, project=name, max_parallel=2)
    async with world.workers():
        await world.result(run.id)
    holding: set[str] = set()
    most = 0
    for event in await world.events(run.id):
        if event.name == "claim.granted" and event.story:
            holding.add(event.story)
        if event.name == "story.settled" and event.story:
            holding.remove(event.story)
        most = max(most, len(holding))
    assert most == 2


async def test_stories_that_share_a_file_take_turns(world: World, name: str) -> None:
    stories = [
        S("1.1", files=("src/*.py",)),
        S("1.2", files=("src/main.py",)),
        S("1.3", files=("docs/a.md",)),
    ]
    run = await world.start(plan(E("1", stories)), project=name)
    async with world.workers():
        await world.result(run.id)
    holders: set[str] = set()
    for event in await world.events(run.id):
        if event.name == "claim.granted" and event.story:
            holders.add(event.story)
        if event.name == "story.settled" and event.story:
            holders.remove(event.story)
        assert not {"Story 1.1", "Story 1.2"} <= holders


async def test_ids_search_attributes_and_details_tell_what_a_workflow_is(world: World, name: str) -> None:
    run = await world.start(CROSSING, project=name)
    async with world.workers():
        await world.result(run.id)
        story = world.client.get_workflow_handle(f"{name}/sprint/epic-2/story-2.2")
        description = await story.describe()
        details = await world.client.get_workflow_handle(f"{name}/sprint/epic-2").query(
            "__temporal_workflow_metadata"
        )
    assert description.status is WorkflowExecutionStatus.COMPLETED
    attributes = description.typed_search_attributes
    assert attributes[search_attributes.STORY] == "Story 2.2"
    assert attributes[search_attributes.STATE] == "settled"
    assert attributes[search_attributes.PROJECT] == name
    assert attributes[search_attributes.AGENT] == "Builder"
    assert await description.static_summary() == "Story 2.2: Piece 2.2"
    assert "- [x] Story 2.2: Piece 2.2 (settled)" in str(details)


async def test_starting_the_same_plan_again_attaches(world: World, name: str) -> None:
    first = await world.start(CROSSING, project=name)
    again = await world.start(CROSSING, project=name)
    async with world.workers():
        await world.result(first.id)
        after = await world.start(CROSSING, project=name)
    assert first.id == again.id == after.id
    ended = [event for event in await world.events(first.id) if event.name == "story.settled"]
    assert len(ended) == 7


async def test_in_batch_mode_a_wave_starts_when_the_one_before_has_ended(world: World, name: str) -> None:
    stories = [S("1.1"), S("1.2", "Story 1.1"), S("1.3", "Story 1.2")]
    text = plan(E("1", stories), E("2", [S("2.1"), S("2.2", "Story 2.1"), S("2.3")]))
    run = await world.start(text, project=name, mode="batch", max_parallel=50)
    async with world.workers():
        result = await world.result(run.id)
    assert result.counts == {StoryState.SETTLED: 6}
    events = await world.events(run.id)
    started, ended = numbers(events, "claim.granted"), numbers(events, "story.settled")
    waves = [["1.1", "2.1", "2.3"], ["1.2", "2.2"], ["1.3"]]
    for before, after in pairwise(waves):
        last = max(ended[f"Story {key}"] for key in before)
        assert all(started[f"Story {key}"] > last for key in after)


def _lined_up(*priorities: str) -> str:
    rows = [f"| W-{at}: Wall {at} | Builder | 1 | {word} |" for at, word in enumerate(priorities, 1)]
    head = "| Story | Assignee | Points | Priority |\n|---|---|---|---|"
    title = "# Sprint Assignment - EPIC-9: Walls\n\n## Sprint Assignments\n\n### Sprint 1: Bricks\n"
    return "\n".join([title, head, *rows, ""])


GATED = """
while [ ! -e "$0/open" ]; do sleep 0.05; done
story=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["story"])' "$1")
echo "$story" > "$(echo "$story" | tr ' ' -).txt"
printf '{"outcome": "done", "summary": "built"}' > "$PACELINE_WORK_RESULT"
"""
"""Nobody ends before the test opens the gate, so that everybody else stands in line by then."""


async def _run_gated(
    world: World, name: str, repository: Path, gate: Path, text: str, waiting: int, **options: object
) -> list[Event]:
    command = ["sh", "-c", GATED, str(gate), "{order}"]
    agents = {"*": AgentDeclaration(command=command, concurrency=20, sandbox="off", timeout=120)}
    run = await world.start(text, project=name, repository=repository, agents=agents, **options)

    async def lined_up() -> bool:
        events = await world.events(run.id)
        return len({event.story for event in events if event.name == "claim.waiting"}) == waiting

    async with world.workers():
        await world.until(lined_up, "the waiting line")
        (gate / "open").touch()
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    return await world.events(run.id)


@pytest.mark.parametrize(
    "words", [("Low", "Medium", "Critical", "High"), ("P3", "P1", "P0", "P2")], ids=["words", "numbers"]
)
async def test_the_most_urgent_in_line_is_granted_next(
    world: World, name: str, repository: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    rank = {"Critical": 0, "High": 1, "Medium": 2, "Low": 3} | {f"P{at}": at for at in range(4)}
    events = await _run_gated(
        world, name, repository, tmp_path, _lined_up(*words), len(words) - 1, max_parallel=1
    )
    granted = [event.story for event in events if event.name == "claim.granted"]
    # Whoever asked first found nobody in line; from then on the line decides.
    urgency = [rank[words[int(str(story).split("-")[1]) - 1]] for story in granted[1:]]
    assert len(urgency) == len(words) - 1
    assert urgency == sorted(urgency)


async def test_a_slot_that_becomes_free_is_filled_at_once_while_work_remains(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    cap, many = 3, 8
    text = plan(E("1", [S(f"1.{number}", files=(f"Story-1.{number}.txt",)) for number in range(1, many + 1)]))
    events = await _run_gated(world, name, repository, tmp_path, text, many - cap, max_parallel=cap)
    holding: set[str] = set()
    line: set[str] = set()
    full = 0
    for event in events:
        story = event.story or ""
        if event.name == "claim.waiting":
            line.add(story)
        elif event.name == "claim.granted":
            holding.add(story)
            line.discard(story)
        elif event.name == "story.merged":
            # Who still waits when one ends waits for a slot only, so all of them are taken.
            if line:
                assert len(holding) == cap
                full += 1
            holding.remove(story)
        assert len(holding) <= cap
    assert full == many - cap
    assert line == set()


async def test_steps_of_a_sequential_phase_never_overlap_and_keep_their_numbers(
    world: World, name: str
) -> None:
    text = plan(E("1", [S("1.1"), S("1.2"), S("1.3"), S("1.4")])) + (
        "\n\n## Execution Phases\n\n### Phase 1: Begin (Days 1-3)\n**Mode**: Sequential Execution\n"
        "1. **Builder**: Story 1.3\n2. **Builder**: Story 1.1\n3. **Builder**: Story 1.2\n"
    )
    run = await world.start(text, project=name, max_parallel=9)
    async with world.workers():
        assert (await world.result(run.id)).counts == {StoryState.SETTLED: 4}
    events = await world.events(run.id)
    started, ended = numbers(events, "claim.granted"), numbers(events, "story.settled")
    for before, after in pairwise(["Story 1.3", "Story 1.1", "Story 1.2"]):
        assert ended[before] < started[after]
