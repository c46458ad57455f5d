"""The shared agent sprint plan, field by field, against what a person read out of it."""

from __future__ import annotations

from typing import Any

import pytest

from paceline.domain.graph import story_edges
from paceline.domain.plan import Epic, Item, Plan, Story
from paceline.domain.schedule import critical_path, lock_patterns, points_of, priority_rank
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan
from tests.shared_plans import plan_text

NAME = "webrtc-sprint"


def items(entries: list[Item]) -> list[dict[str, Any]]:
    return [{"text": entry.text, "done": entry.done, "line": entry.line} for entry in entries]


def told(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: entry[name] for name in ("text", "done", "line")} for entry in entries]


def resolved(owner: Story | Epic) -> list[str]:
    return [target for dependency in owner.dependencies for target in dependency.resolved]


def test_counts(plan: Plan, expected: dict[str, Any]) -> None:
    stories = plan.stories
    files = [file for story in stories for file in story.files]
    points = [epic.points for epic in plan.epics if epic.points is not None]
    assert expected["counts"] == {
        "agents": len(plan.agents),
        "sprints": len(plan.sprints),
        "epics": len(plan.epics),
        "stories": len(stories),
        "tasks": sum(len(story.tasks) for story in stories),
        "acceptance_criteria": sum(len(story.acceptance_criteria) for story in stories),
        "checkboxes": sum(
            item.done is not None for s in stories for item in [*s.tasks, *s.acceptance_criteria]
        ),
        "epic_points_total": sum(points),
        "epic_points_total_stated": plan.sprints[0].points_stated,
        "stories_with_points": sum(story.points is not None for story in stories),
        "stories_with_explicit_dependencies": sum(bool(story.dependencies) for story in stories),
        "story_dependency_edges_as_written": sum(len(story.dependencies) for story in stories),
        "epic_dependency_edges_resolved": sum(len(resolved(epic)) for epic in plan.epics),
        "collaborative_stories": sum(story.collaborative for story in stories),
        "file_references": len(files),
        "file_references_new": sum(file.new for file in files),
        "unique_files": len({file.path for file in files}),
        "stories_with_no_file_list": sum(not story.files for story in stories),
        "phases": len(plan.phases),
        "phase_steps": sum(len(phase.steps) for phase in plan.phases),
        "shared_locked_resources": len(plan.resources.shared),
        "agent_specific_resource_groups": len(plan.resources.owned),
        "success_metrics": len(plan.metrics),
        "success_metrics_technical": sum(metric.category == "technical" for metric in plan.metrics),
        "success_metrics_functional": sum(metric.category == "functional" for metric in plan.metrics),
        "risks": len(plan.risks),
        "contingency_plans": len(plan.contingency),
        "standup_items": len(communication(plan, "Daily Standups")["items"]),
        "conflict_types": len(communication(plan, "Conflict Resolution")["items"]),
        "progress_tracking_cadences": len(communication(plan, "Progress Tracking")["items"]),
        "days": max(phase.days[1] for phase in plan.phases if phase.days),
    }


def test_source_and_title(plan: Plan, expected: dict[str, Any]) -> None:
    source = expected["source"]
    assert (plan.source.file, plan.source.kind, plan.source.lines) == (
        source["file"],
        source["kind"],
        source["lines"],
    )
    assert (plan.title, plan.project) == (expected["title"], expected["project"])


def test_sprint(plan: Plan, expected: dict[str, Any]) -> None:
    sprint, told_sprint = plan.sprints[0], expected["sprints"][0]
    for name in ("id", "name", "number", "duration_text", "goal", "capacity_points", "line"):
        assert getattr(sprint, name) == told_sprint[name], name
    assert sprint.points_stated == told_sprint["points_planned_stated"]
    assert plan.goal == told_sprint["goal"]
    assert not sprint.implicit


def test_team(plan: Plan, expected: dict[str, Any]) -> None:
    assert [agent.id for agent in plan.agents if agent.coordinator] == [expected["team"]["coordinator"]]
    assert len(plan.agents) == expected["team"]["size"]
    team = next(fact for fact in plan.facts if fact.name == "Team")
    assert (team.value, team.line) == (expected["team"]["as_written"], 6)


def test_agents(plan: Plan, expected: dict[str, Any]) -> None:
    fields = ("id", "title", "qualifier", "role", "tools", "focus_areas", "success_criteria", "line")
    found = [{name: getattr(agent, name) for name in fields} for agent in plan.agents]
    assert found == [{name: agent[name] for name in fields} for agent in expected["agents"]]
    aliases = {agent["id"]: agent["aliases_used"] for agent in expected["agents"]}
    assert {agent.id: agent.aliases for agent in plan.agents} == aliases


def test_epics(plan: Plan, expected: dict[str, Any]) -> None:
    assert [epic.id for epic in plan.epics] == [epic["id"] for epic in expected["epics"]]
    for epic, told_epic in zip(plan.epics, expected["epics"], strict=True):
        for name in ("title", "priority", "points", "owner", "stories", "line"):
            assert getattr(epic, name) == told_epic[name], (epic.id, name)
        dependencies = told_epic["dependencies"]
        assert epic.dependencies_as_written == dependencies["as_written"]
        assert resolved(epic) == dependencies["resolved"]
        qualifiers = [each.qualifier for each in epic.dependencies if each.qualifier]
        assert qualifiers == [each for each in [dependencies["qualifier"]] if each]
        gates = [each.gate for each in epic.dependencies if each.gate is not None]
        assert gates == [each for each in [dependencies["recommended_gate"]] if each]
        assert not epic.implicit


def test_stories(plan: Plan, expected: dict[str, Any]) -> None:
    assert [story.id for story in plan.stories] == [story["id"] for story in expected["stories"]]
    for story, told_story in zip(plan.stories, expected["stories"], strict=True):
        for name in ("title", "kind", "epic", "agents", "points", "priority", "files_as_written", "line"):
            assert getattr(story, name) == told_story[name], (story.id, name)
        assert story.sprints == [told_story["sprint"]]
        assert story.collaborative == told_story["collaboration"]
        assert story.done is told_story["status"]
        assert items(story.tasks) == told(told_story["tasks"])
        assert items(story.acceptance_criteria) == told(told_story["acceptance_criteria"])
        assert [file.model_dump() for file in story.files] == told_story["files"]
        assert story.phase == told_story["phase_inferred"]
        assert story.dependencies_as_written == told_story["dependencies"]["as_written"]
        assert resolved(story) == told_story["dependencies"]["resolved"]


def test_effective_dependencies(plan: Plan, expected: dict[str, Any]) -> None:
    assert story_edges(plan) == {
        story["id"]: story["dependencies"]["recommended_effective_stories"] for story in expected["stories"]
    }


def test_inherited_priorities_order_the_stories(plan: Plan, expected: dict[str, Any]) -> None:
    order = ["Critical", "High", "Medium", "Low"]
    assert priority_rank(plan) == {
        story["id"]: order.index(story["effective_priority_inherited"]) for story in expected["stories"]
    }


def test_phases(plan: Plan, expected: dict[str, Any]) -> None:
    workers = [agent.id for agent in plan.agents if not agent.coordinator]
    for phase, told_phase in zip(plan.phases, expected["phases"], strict=True):
        for name in ("id", "name", "mode", "mode_as_written", "line"):
            assert getattr(phase, name) == told_phase[name], (phase.id, name)
        assert list(phase.days or ()) == told_phase["days"]
        for step, told_step in zip(phase.steps, told_phase["steps"], strict=True):
            everyone = told_step["agents"] == ["All Agents"]
            assert step.agents == (workers if everyone else told_step["agents"])
            assert (step.text, step.mode, step.story, step.line) == (
                told_step["text"],
                told_step["mode"],
                told_step["story_inferred"],
                told_step["line"],
            )
    assert [story.id for story in plan.stories if story.phase is None] == expected["stories_in_no_phase"]


def test_resources(plan: Plan, expected: dict[str, Any]) -> None:
    shared = expected["shared_resources_requiring_lock"]
    assert [each.model_dump() for each in plan.resources.shared] == [
        {"path": each["path"], "note": each["note"], "line": each["line"]} for each in shared
    ]
    touched = [[s.id for s in plan.stories if each["path"] in lock_patterns(s, plan)] for each in shared]
    assert touched == [each["touched_by"] for each in shared]
    assert [each.model_dump() for each in plan.resources.owned] == [
        {"globs": [], **each} for each in expected["agent_specific_resources"]
    ]
    files = {file.path for story in plan.stories for file in story.files}
    assert sorted(files) == expected["unique_files"]
    owned = {path for each in plan.resources.owned for path in each.files}
    lockable = {each.path for each in plan.resources.shared}
    assert files - owned - lockable == set(expected["unowned_files"])


def test_metrics_risks_and_contingency(plan: Plan, expected: dict[str, Any]) -> None:
    assert [metric.model_dump() for metric in plan.metrics] == expected["success_metrics"]
    for risk, told_risk in zip(plan.risks, expected["risks"], strict=True):
        assert risk.level == told_risk["level_from_heading"]
        for name in ("name", "text", "probability", "impact", "mitigation", "line"):
            assert getattr(risk, name) == told_risk[name], name
    assert [each.model_dump(exclude={"stories"}) for each in plan.contingency] == expected["contingency"]


def communication(plan: Plan, name: str) -> dict[str, Any]:
    fact = next(each for each in plan.facts if each.section == "Communication Protocol" and each.name == name)
    return {**fact.value, "line": fact.line}


def test_communication_is_kept_as_structured_facts(plan: Plan, expected: dict[str, Any]) -> None:
    standups, told_standups = (
        communication(plan, "Daily Standups"),
        expected["communication"]["daily_standups"],
    )
    assert standups["qualifier"] == "Automated"
    assert standups["line"] == told_standups["line"]
    first, second, third = standups["items"]
    assert first["list"] == told_standups["agent_reports"]
    assert [second["text"], third["text"]] == [told_standups["manager"], told_standups["outcome"]]
    conflicts = communication(plan, "Conflict Resolution")["items"]
    assert [
        {"type": c["name"], "handler": c["text"], "human": "(human)" in c["text"], "line": c["line"]}
        for c in conflicts
    ] == expected["communication"]["conflict_resolution"]
    cadences = communication(plan, "Progress Tracking")["items"]
    assert [{"cadence": c["name"], "text": c["text"], "line": c["line"]} for c in cadences] == expected[
        "communication"
    ]["progress_tracking"]


def test_the_closing_paragraph_is_no_item(plan: Plan) -> None:
    assert not any("comprehensive framework" in str(item) for item in plan.contingency)
    assert communication(plan, "Progress Tracking")["texts"][0]["line"] == 241


def test_what_the_document_does_not_say_is_absent(plan: Plan, expected: dict[str, Any]) -> None:
    for name in ("definition_of_done", "definition_of_ready", "deliverables"):
        assert getattr(plan, name) is expected[name] is None
    assert plan.capacity is None


def test_the_ambiguities_are_warned_about_and_stop_nothing(plan: Plan) -> None:
    findings = check_plan(plan)
    assert not has_errors(findings)
    lines = {(found.code, found.line) for found in findings}
    assert {
        (Code.PARTIAL_DEPENDENCY, 83),
        (Code.FILES_IN_WORDS, 133),
        (Code.OWNERSHIP_CROSSED, 143),
        (Code.OWNERSHIP_CROSSED, 109),
        (Code.STORY_IN_NO_PHASE, 116),
        (Code.PHASE_AGAINST_DEPENDENCY, 68),
        (Code.PHASE_AGAINST_DEPENDENCY, 145),
        (Code.PHASE_ADDS_AGENT, 174),
        (Code.ALL_AGENTS_ASSUMED, 175),
        (Code.SHARED_FILE_UNUSED, 188),
        (Code.METRIC_UNCOVERED, 205),
    } <= lines
    shared = [found.message for found in findings if found.code == Code.FILES_SHARED_IN_WAVE]
    assert ["`Story 1.2`, `Story 2.1`" in shared[0], "`Story 2.2`, `Story 3.1`" in shared[1]] == [True, True]
    assert all(found.file == f"{NAME}.md" for found in findings)


def test_the_critical_path_counts_stories_where_no_points_are_written(plan: Plan) -> None:
    path = critical_path(story_edges(plan), points_of(plan))
    assert path == ["Story 1.1", "Story 1.2", "Story 1.3", "Story 2.2", "Story 4.1", "Story 4.2"]


def test_the_same_bytes_for_the_same_document(plan: Plan) -> None:
    again = read_plan(plan_text(NAME), f"{NAME}.md")
    assert again.to_json() == plan.to_json()
    assert read_plan(plan.to_json()) == plan


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_newlines_and_a_byte_order_mark_change_nothing(plan: Plan, newline: str) -> None:
    other = read_plan("\ufeff" + plan_text(NAME).replace("\n", newline), f"{NAME}.md")
    assert other.model_copy(update={"source": plan.source}) == plan
