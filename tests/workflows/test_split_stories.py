"""Stories over several sprints: a part in each, one merge with the last, points where they are allotted."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from activities.sprint_records import read_sprint
from paceline.domain.events import Event
from paceline.domain.questions import Decision, QuestionKind
from paceline.domain.reports import Report, ReportKind
from paceline.domain.sprint_review import sprint_review
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import reports
from tests.world import World, git_lines

pytestmark = pytest.mark.temporal

BAKERY = """# Sprint Assignment - EPIC-7: Bakery

## Sprint Assignments

### Sprint 1: Dough
**Points**: 5

| Story | Assignee | Points | Priority |
|-------|----------|--------|----------|
| US-1: Oven (Start) | Ada | 3/5 | P0 |
| US-2: Flour | Bob | 2 | P1 |

### Sprint 2: Bread
**Points**: 5

| Story | Assignee | Points | Priority |
|-------|----------|--------|----------|
| US-1: Oven (Complete) | Ada | 2/5 | P0 |
| US-3: Loaf | Bob | 3 | P1 |
"""
WORK = """
cp "$1" "$LOG/$(grep -c . "$LOG/runs" 2>/dev/null || echo 0).json"
echo "$2" >> "$LOG/runs"
[ "$2" = oven ] && cat oven.txt > "$LOG/found" 2>/dev/null
echo "$2" >> "$2.txt"
printf '{"outcome": "done", "summary": "laid bricks"}' > "$PACELINE_WORK_RESULT"
"""
"""Keeps its order and writes down that it ran."""


def _agents(log: Path) -> dict[str, AgentDeclaration]:
    script = f"LOG='{log}'\n{WORK}"
    return {
        name: AgentDeclaration(
            command=["sh", "-c", script, "sh", "{order}", file], sandbox="off", max_attempts=1, timeout=60
        )
        for name, file in (("Ada", "oven"), ("Bob", "shelf"))
    }


def _orders(log: Path, story: str) -> list[dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in sorted(log.glob("*.json"))]
    return [order for order in found if order["story"] == story]


def _of(events: list[Event], story: str) -> list[str]:
    return [event.name for event in events if event.story == story and event.name.startswith("story.")]


async def test_the_second_part_goes_on_from_the_first_and_the_whole_merges_once(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    log.mkdir()
    run = await world.start(BAKERY, project=name, repository=repository, agents=_agents(log), max_parallel=1)
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    assert result.counts == {StoryState.MERGED: 3}
    events = await world.events(run.id)
    assert _of(events, "US-1") == ["story.part_done", "story.next_part", "story.merged"]
    first, second = _orders(log, "US-1")
    assert (first["part"]["number"], first["part"]["points"], first["part"]["into"]) == (1, 3, "Sprint 2")
    assert (second["part"]["number"], second["part"]["points"], second["part"]["into"]) == (2, 2, "")
    assert second["earlier_attempts"][0]["reason"].endswith("laid bricks")
    assert (log / "found").read_text() == "oven\n"
    # The first sprint's branch has nothing of it, the second's has both parts by one merge.
    assert "oven.txt" not in git_lines(repository, "ls-tree", "--name-only", f"paceline/{name}/sprint-1")
    assert git_lines(repository, "show", f"paceline/{name}/sprint-2:oven.txt") == ["oven", "oven"]
    assert sum(event.name == "merge.made" and event.story == "US-1" for event in events) == 1
    # Nobody was paid twice: a run a part.
    assert (log / "runs").read_text().split().count("oven") == 2
    (row,) = [story for story in (await world.status(run.id)).stories if story.id == "US-1"]
    assert (row.sprint, row.attempt, row.state) == ("Sprint 2", 2, StoryState.MERGED)


async def test_who_depends_on_a_split_story_waits_for_its_last_part(world: World, name: str) -> None:
    text = BAKERY.replace("| US-3: Loaf | Bob | 3 | P1 |", "| US-3: Loaf | Bob | 3 | P1 | US-1 |").replace(
        "| Story | Assignee | Points | Priority |\n|-------|----------|--------|----------|\n| US-1: Oven (C",
        "| Story | Assignee | Points | Priority | Dependencies |\n|---|---|---|---|---|\n| US-1: Oven (C",
    )
    text = text.replace("2/5 | P0 |", "2/5 | P0 | |")
    run = await world.start(text, project=name)
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    events = await world.events(run.id)
    ended = next(event.number for event in events if (event.story, event.name) == ("US-1", "story.settled"))
    begun = next(event.number for event in events if (event.story, event.name) == ("US-3", "claim.granted"))
    assert ended < begun


async def test_points_count_in_the_sprint_that_they_are_allotted_to(world: World, name: str) -> None:
    run = await world.start(BAKERY, project=name, calendar={"day_length": "1h"})
    async with world.workers():
        await world.result(run.id)
    made = await world.database.read(reports.reports_of, run.id)

    def of(sprint: str, kind: ReportKind) -> Report:
        return next(each for each in made[::-1] if (each.sprint, each.kind) == (sprint, kind))

    for sprint, parts in (("Sprint 1", [("US-1", 3.0)]), ("Sprint 2", [])):
        velocity = of(sprint, ReportKind.VELOCITY).data["sprint"]
        assert (velocity["planned"], velocity["completed"]) == (5.0, 5.0)
        review = of(sprint, ReportKind.REVIEW)
        assert (review.data["planned"], review.data["completed"]) == (5.0, 5.0)
        assert [(each["story"], each["points"]) for each in review.data["parts"]] == parts
        assert review.data["not_done"] == []
        # Counted again when the story is long in the next sprint, it is the same.
        record = await world.database.read(read_sprint, run.id, sprint, run.started_at)
        again = sprint_review(record, datetime.fromisoformat(review.data["period"]["until"]))
        assert again.model_dump(mode="json") == review.data
    planning = of("Sprint 2", ReportKind.PLANNING).data
    assert [(each["story"], each["number"], each["done_in"]) for each in planning["parts"]] == [
        ("US-1", 2, "Sprint 2")
    ]


async def test_a_person_is_asked_about_each_part(world: World, name: str) -> None:
    agents = {"*": AgentDeclaration(kind="human", concurrency=10)}
    run = await world.start(BAKERY, project=name, agents=agents, carry_over="never")
    asked: list[str] = []
    async with world.workers():
        for _ in range(4):
            question = await world.question(run.id)
            assert question.kind is QuestionKind.HUMAN_STORY
            asked.append(question.text)
            await world.answer(question, Decision.APPROVE, "by hand")

            async def answered(question: str = question.id) -> bool:
                events = await world.events(run.id)
                return any(
                    event.name == "question.answered" and event.data["question"] == question
                    for event in events
                )

            await world.until(answered, "the answer's event")
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    assert sum("part 1 of 2 (3 of 5 points)" in text for text in asked) == 1
    assert sum("US-1" in text for text in asked) == 2


@pytest.mark.parametrize("how", ["chosen", "awaited"])
async def test_it_is_done_whole_where_that_is_wanted_or_somebody_waits_for_it(
    world: World, name: str, how: str
) -> None:
    text = BAKERY
    options: dict[str, Any] = {"split_stories": "whole"}
    if how == "awaited":
        options = {}
        text = BAKERY.replace("| Priority |", "| Priority | Dependencies |").replace(
            "|----------|\n", "|---|---|\n"
        )
        text = text.replace("3/5 | P0 |", "3/5 | P0 | |").replace("2/5 | P0 |", "2/5 | P0 | |")
        text = text.replace("| 2 | P1 |", "| 2 | P1 | US-1 |").replace("| 3 | P1 |", "| 3 | P1 | |")
    run = await world.start(text, project=name, **options)
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    assert _of(await world.events(run.id), "US-1") == ["story.settled"]
    (row,) = [story for story in (await world.status(run.id)).stories if story.id == "US-1"]
    assert row.sprint == "Sprint 1"
