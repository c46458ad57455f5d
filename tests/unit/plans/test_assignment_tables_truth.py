"""The shared sprint assignment tables, field by field, against what a person read out of them."""

from __future__ import annotations

from typing import Any

import pytest

from paceline.domain.graph import story_edges
from paceline.domain.plan import Item, Plan, Story
from paceline.domain.schedule import priority_rank
from paceline.domain.scope import ScopeAction, advice, cuts, more_work
from paceline.domain.status import first_status
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.lint_points import load_of, sprint_loads
from paceline.plans.reader import read_plan
from paceline.plans.scope_words import scope_words
from tests.shared_plans import plan_text

NAME = "epic-001-assignment"


def items(entries: list[Item]) -> list[dict[str, Any]]:
    return [{"text": entry.text, "done": entry.done, "line": entry.line} for entry in entries]


def numbered(plan: Plan) -> dict[str, Story]:
    return {story.id: story for story in plan.stories if story.kind == "story"}


def other_work(plan: Plan) -> list[Story]:
    return [story for story in plan.stories if story.kind == "task"]


def fact(plan: Plan, name: str) -> Any:
    return next(each.value for each in plan.facts if each.name == name)


def rows_of(plan: Plan, sprint: str) -> list[tuple[int, Story]]:
    """The rows of a sprint's table, in their order."""
    found: list[tuple[int, Story]] = []
    for story in plan.stories:
        lines = [part.line or 0 for part in story.allocations if part.sprint == sprint]
        found.extend((line, story) for line in lines)
        if not story.allocations and story.sprints == [sprint]:
            found.append((story.line or 0, story))
    return sorted(found, key=lambda row: row[0])


def test_counts(plan: Plan, expected: dict[str, Any]) -> None:
    stories = list(numbered(plan).values())
    rows = [row for sprint in plan.sprints for row in rows_of(plan, sprint.id)]
    parts = [part for story in stories for part in story.allocations]
    criteria = [item for sprint in plan.sprints for item in sprint.success_criteria]
    done = plan.definition_of_done or []
    loads = sprint_loads(plan)
    required = [loads[sprint.id] or 0 for sprint in plan.sprints if not sprint.optional]
    written = {row.agents_as_written for _, row in rows}
    meetings = [each for each in plan.facts if each.section == "Communication Plan"]
    assert expected["counts"] == {
        "sprints": len(plan.sprints),
        "sprints_optional": sum(sprint.optional for sprint in plan.sprints),
        "epics": len(plan.epics),
        "stories": len(stories),
        "table_rows": len(rows),
        "story_rows": sum(row.kind == "story" for _, row in rows),
        "non_story_rows": sum(row.kind != "story" for _, row in rows),
        "split_stories": sum(len(story.sprints) > 1 for story in stories),
        "partial_cells": sum(part.of is not None for part in parts),
        "start_complete_markers": sum(part.marker is not None for part in parts),
        "total_points_stated": plan.epics[0].points,
        "sum_rows_sprints_1_to_4": sum(required),
        "sum_rows_all_5_sprints": sum(load or 0 for load in loads.values()),
        "sum_sprint5_rows": loads["Sprint 5"],
        "sum_story_points_by_denominator": sum(story.points or 0 for story in stories),
        "sum_story_points_by_parts": sum(
            load_of(story, name) or 0 for story in stories for name in story.sprints
        ),
        "sum_role_points_stated": sum(agent.points_stated or 0 for agent in plan.agents),
        "assignees_distinct_as_written": len(written),
        "roles_described": sum(agent.title is not None for agent in plan.agents),
        "collaborative_stories": sum(story.collaborative for story in stories),
        "checkboxes": sum(item.done is not None for item in [*criteria, *done]),
        "checkboxes_checked": sum(bool(item.done) for item in [*criteria, *done]),
        "deliverables": sum(len(sprint.deliverables) for sprint in plan.sprints),
        "success_criteria": len(criteria),
        "risks": len(plan.risks),
        "mitigations": len({risk.mitigation_line for risk in plan.risks}),
        "contingency_items": len(plan.contingency),
        "definition_of_done_items": len(done),
        "communication_items": sum(len(each.value["items"]) for each in meetings),
        "priorities": {name: sum(story.priority == name for story in stories) for name in ("P0", "P1", "P2")},
        "tasks": sum(len(story.tasks) for story in stories),
        "acceptance_criteria": sum(len(story.acceptance_criteria) for story in stories),
        "files": sum(len(story.files) for story in stories),
        "dependencies": sum(len(story.dependencies) for story in stories),
        "phases": len(plan.phases),
        "success_metrics": len(plan.metrics),
    }


def test_header(plan: Plan, expected: dict[str, Any]) -> None:
    assert plan.source.model_dump(exclude={"digest"}) == expected["source"]
    assert (plan.title, plan.project, plan.goal) == (expected["title"], None, None)
    assert expected["project"] is None
    assert fact(plan, "Team Size") == expected["team"]
    assert fact(plan, "Target Velocity") == expected["target_velocity"]
    assert plan.capacity == expected["target_velocity"]["as_written"]
    assert fact(plan, "Estimated Sprints") == expected["estimated_sprints"]
    assert [expected["target_velocity"]["min"], expected["target_velocity"]["max"]] == expected[
        "capacity_points"
    ]


def test_the_epic(plan: Plan, expected: dict[str, Any]) -> None:
    (epic,), (told,) = plan.epics, expected["epics"]
    for name in ("id", "title", "priority", "points", "owner", "stories", "line"):
        assert getattr(epic, name) == told[name], name
    assert (epic.dependencies_as_written, epic.dependencies) == (None, [])
    assert not epic.implicit


def test_sprints(plan: Plan, expected: dict[str, Any]) -> None:
    loads = sprint_loads(plan)
    for sprint, told in zip(plan.sprints, expected["sprints"], strict=True):
        for name in (
            *("id", "number", "name", "optional", "condition", "theme", "goal", "duration_text"),
            *("points_stated", "points_as_written", "capacity_points", "line"),
        ):
            assert getattr(sprint, name) == told[name], (sprint.id, name)
        assert loads[sprint.id] == told["points_sum_of_rows"]
        assert told["points_agree"] is (None if sprint.points_stated is None else True)
        rows = rows_of(plan, sprint.id)
        assert len(rows) == told["rows"]
        assert [story.id for _, story in rows if story.kind == "story"] == told["stories"]
        assert items(sprint.deliverables) == told["deliverables"]
        assert items(sprint.success_criteria) == told["success_criteria"]


def test_agents(plan: Plan, expected: dict[str, Any]) -> None:
    points = {story.id: story.points or 0 for story in plan.stories}
    for agent, told in zip(plan.agents, expected["agents"], strict=True):
        for name in ("id", "qualifier", "primary", "primary_stories", "secondary", "line"):
            assert getattr(agent, name) == told[name], (agent.id, name)
        assert agent.title == told["name_in_roles_section"]
        assert agent.points_stated == told["points_stated_approx"]
        assert sum(points[story] for story in agent.primary_stories) == told["points_sum_of_primary_stories"]
        mine = [s for s in plan.stories if agent.id in s.agents and s.agents_as_written != "All"]
        if agent.id != "QA":
            # For QA the truth counts the parts of the story that is over-allocated.
            assert sum(story.points or 0 for story in mine) == told["points_of_rows_naming_this_assignee"]
        else:
            loads = [load_of(story, name) or 0 for story in mine for name in story.sprints]
            assert sum(loads) == told["points_of_rows_naming_this_assignee"]


def test_stories(plan: Plan, expected: dict[str, Any]) -> None:
    stories = numbered(plan)
    assert sorted(stories) == [told["id"] for told in expected["stories"]]
    for told in expected["stories"]:
        story = stories[told["id"]]
        for name in ("title", "kind", "epic", "sprints", "agents", "points", "priority", "phase", "line"):
            assert getattr(story, name) == told[name], (story.id, name)
        assert story.agents_as_written == told["assignee_as_written"]
        assert story.collaborative == told["collaboration"]
        assert story.done is told["status"]
        assert (story.dependencies_as_written, story.dependencies) == (None, [])
        assert told["dependencies"] == {"as_written": None, "resolved": []}
        assert (story.tasks, story.acceptance_criteria, story.files) == ([], [], [])
        parts = sum(load_of(story, sprint) or 0 for sprint in story.sprints)
        assert parts == told["points_sum_of_parts"]
        assert (parts != story.points) == told["points_conflict"]
        partial = [
            {
                "sprint": part.sprint,
                "marker": part.marker,
                "as_written": f"{part.points:g}" + (f"/{part.of:g}" if part.of else ""),
                "points": part.points,
                "of": part.of,
                "line": part.line,
            }
            for part in story.allocations
        ]
        assert (partial or None) == told["partial"]


def test_work_that_is_no_story(plan: Plan, expected: dict[str, Any]) -> None:
    everyone = [agent.id for agent in plan.agents]
    for work, told in zip(other_work(plan), expected["non_story_work"], strict=True):
        for name in ("title", "kind", "epic", "points", "priority", "line"):
            assert getattr(work, name) == told[name], (work.id, name)
        assert work.sprints == [told["sprint"]]
        assert work.id == f"{told['sprint']}: {told['title']}"
        assert work.agents == (everyone if told["agents"] == ["All"] else told["agents"])
        assert work.agents_as_written == told["assignee_as_written"]
        assert work.collaborative == told["collaboration"]


def test_risks_and_contingency(plan: Plan, expected: dict[str, Any]) -> None:
    for risk, told in zip(plan.risks, expected["risks"], strict=True):
        for name in ("sprint", "text", "probability", "impact", "mitigation", "mitigation_line", "line"):
            assert getattr(risk, name) == told[name], name
    assert [each.model_dump() for each in plan.contingency] == [
        {"name": told["trigger"], "text": told["text"], "stories": told["stories"], "line": told["line"]}
        for told in expected["contingency"]
    ]


def test_what_the_plan_says_of_being_late_and_ahead_is_offered(plan: Plan, expected: dict[str, Any]) -> None:
    told = [each for each in expected["contingency"] if "Behind" in each["trigger"]]
    rows = [first_status(story, plan, {}) for story in plan.stories]
    named = [story for each in told for story in each["stories"]]
    assert len(told) == 4
    found = [
        cut
        for sprint in plan.sprints
        for cut in cuts(plan, rows, {}, {}, sprint.id, scope_words())
        if cut.text
    ]
    deferred = [
        cut.story
        for sprint in plan.sprints
        for cut in cuts(plan, rows, {}, {}, sprint.id, scope_words())
        if "the plan says so" in cut.why and cut.action is ScopeAction.DEFER
    ]
    assert [*deferred, *(cut.story for cut in found)] == named
    assert found[0].text == told[1]["text"]
    said = [f"{each['trigger']}: {each['text']}" for each in told if not each["stories"]]
    assert advice(plan, scope_words()) == said

    ahead = [each["text"] for each in expected["contingency"] if "Ahead" in each["trigger"]]
    more = more_work(plan, rows, {}, {}, plan.sprints[0].id, scope_words())
    assert [cut.text for cut in more if cut.action is ScopeAction.ADD] == ahead
    assert len(ahead) == 4


def test_definition_of_done_and_communication(plan: Plan, expected: dict[str, Any]) -> None:
    assert [
        {"group": item.group, "text": item.text, "done": item.done, "line": item.line}
        for item in plan.definition_of_done or []
    ] == expected["definition_of_done"]
    assert plan.definition_of_ready is expected["definition_of_ready"] is None
    meetings = [each for each in plan.facts if each.section == "Communication Plan"]
    assert [
        {"name": each.name, "duration": None, "items": each.value["items"], "line": each.line}
        for each in meetings
    ] == expected["communication"]


def test_what_the_document_does_not_say_is_absent(plan: Plan) -> None:
    assert (plan.phases, plan.metrics, plan.deliverables) == ([], [], None)
    assert (plan.resources.shared, plan.resources.owned) == ([], [])


DECISIONS = {
    "1-3 over-allocated": (Code.STORY_OVER_ALLOCATED, 64),
    "1-5 work in a table of stories": (Code.WORK_WITHOUT_ID, 82),
    "1-6 a table of tasks": (Code.WORK_WITHOUT_ID, 97),
    "1-7 points in words": (Code.POINTS_NOT_A_NUMBER, 92),
    "1-8 optional": (Code.SPRINT_OPTIONAL, 90),
    "1-9 slash": (Code.EITHER_AGENT, 45),
    "1-10 all": (Code.ALL_AGENTS_ASSUMED, 82),
    "1-11 alias": (Code.AGENT_ALIAS, 22),
    "1-11 alias with a slash": (Code.AGENT_ALIAS, 45),
    "1-11 new agent": (Code.AGENT_NOT_DESCRIBED, 101),
    "1-11 pool": (Code.AGENT_POOL, 45),
    "1-13 size of the team": (Code.TEAM_SIZE_DIFFERS, 10),
    "1-15 one mitigation": (Code.MITIGATION_SHARED, 138),
    "total": (Code.POINTS_DIFFER, 7),
    "Backend Dev 2's load": (Code.AGENT_LOAD_DIFFERS, 112),
    "Backend Dev 3's load": (Code.AGENT_LOAD_DIFFERS, 117),
    "sum of loads": (Code.AGENT_LOAD_DIFFERS, 107),
}


@pytest.mark.parametrize("decision", DECISIONS)
def test_decisions_are_warned_about(plan: Plan, decision: str) -> None:
    found = [(each.code, each.line) for each in check_plan(plan)]
    assert DECISIONS[decision] in found


def test_the_ambiguities_stop_nothing(plan: Plan) -> None:
    findings = check_plan(plan)
    assert not has_errors(findings)
    assert all(found.file == f"{NAME}.md" for found in findings)
    codes = [found.code for found in findings]
    assert codes.count(Code.AGENT_LOAD_DIFFERS) == 3
    assert codes.count(Code.STORY_OVER_ALLOCATED) == 1
    assert not {Code.SPRINT_OVER_CAPACITY, Code.SPRINT_UNDER_CAPACITY, Code.STORY_UNDER_ALLOCATED} & set(
        codes
    )


def test_decision_1_4_other_parentheses_belong_to_the_title(plan: Plan) -> None:
    assert numbered(plan)["STORY-002"].title == "WebSocket Client (ComfyUI)"


def test_decision_1_14_no_order_is_invented_and_sprints_order(plan: Plan) -> None:
    assert not any(story_edges(plan).values())
    order = [sprint.id for sprint in plan.sprints]
    for story in plan.stories:
        assert story.sprints == sorted(story.sprints, key=order.index)
        assert [part.sprint for part in story.allocations] in ([], story.sprints)


def test_decision_1_16_checkboxes_are_no_work(plan: Plan) -> None:
    titles = {story.title for story in plan.stories}
    boxes = [item for sprint in plan.sprints for item in sprint.success_criteria]
    assert not titles & {item.text for item in [*boxes, *(plan.definition_of_done or [])]}


def test_decision_1_18_one_definition_of_done_for_every_sprint(plan: Plan) -> None:
    assert len(plan.definition_of_done or []) == 12
    assert not any(sprint.definition_of_done for sprint in plan.sprints)


def test_decision_1_19_p0_is_highest(plan: Plan) -> None:
    rank, stories = priority_rank(plan), numbered(plan)
    ranks = {
        name: {rank[s.id] for s in stories.values() if s.priority == name} for name in ("P0", "P1", "P2")
    }
    assert max(ranks["P0"]) < min(ranks["P1"]) <= max(ranks["P1"]) < min(ranks["P2"])


def test_the_closing_paragraph_is_no_item(plan: Plan) -> None:
    texts = [item.text for item in plan.definition_of_done or []]
    assert not any("balanced approach" in text for text in texts)
    assert [each.line for each in plan.facts if "balanced approach" in str(each.value)] == [243]


def test_the_same_bytes_and_the_same_plan_again(plan: Plan) -> None:
    assert read_plan(plan_text(NAME), f"{NAME}.md").to_json() == plan.to_json()
    assert read_plan(plan.to_json()) == plan


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_newlines_and_a_byte_order_mark_change_nothing(plan: Plan, newline: str) -> None:
    other = read_plan("\ufeff" + plan_text(NAME).replace("\n", newline), f"{NAME}.md")
    assert other.model_copy(update={"source": plan.source}) == plan


def test_the_file_name_decides_nothing(plan: Plan) -> None:
    other = read_plan(plan_text(NAME))
    assert other.source.kind == plan.source.kind
    assert other.stories == plan.stories
