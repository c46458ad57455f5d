"""The shared plan of several sprints in bullets, field by field, against what a person read out of it."""

from __future__ import annotations

from typing import Any

from paceline.domain.graph import story_edges
from paceline.domain.plan import Fact, Item, Plan, Story
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan

NAME = "autolynx-sprints"


def items(entries: list[Item] | None) -> list[dict[str, Any]]:
    return [{"text": entry.text, "done": entry.done, "line": entry.line} for entry in entries or []]


def of_kind(plan: Plan, kind: str) -> list[Story]:
    return [story for story in plan.stories if story.kind == kind]


def points(stories: list[Story]) -> float:
    return sum(story.points or 0 for story in stories)


def facts(plan: Plan, section: str) -> list[Fact]:
    return [fact for fact in plan.facts if fact.section == section]


def fact(plan: Plan, section: str, name: str) -> Any:
    return next(each.value for each in facts(plan, section) if each.name == name)


def codes(plan: Plan, code: Code) -> list[int | None]:
    return [found.line for found in check_plan(plan) if found.code == code]


def test_counts(plan: Plan, expected: dict[str, Any]) -> None:
    stories, work = of_kind(plan, "story"), of_kind(plan, "work_item")
    deliverables = [item for sprint in plan.sprints for item in sprint.deliverables]
    under = codes(plan, Code.SPRINT_UNDER_CAPACITY)
    inferred = {each.name: len(each.value["stories"]) for each in facts(plan, "Epics")}
    assert expected["counts"] == {
        "sprints": len(plan.sprints),
        "sprints_stated": fact(plan, "Sprint Overview", "Project Duration")["sprints"],
        "weeks": plan.sprints[-1].weeks[1] if plan.sprints[-1].weeks else None,
        "weeks_stated": fact(plan, "Sprint Overview", "Project Duration")["weeks"],
        "items": len(plan.stories),
        "stories": len(stories),
        "stories_with_us_id": sum(story.id.startswith("US-") for story in stories),
        "work_items_without_id": len(work),
        "total_points_stated": None,
        "sum_of_stated_sprint_totals": sum(sprint.points_stated or 0 for sprint in plan.sprints),
        "sum_of_rows": points(plan.stories),
        "us_points": points(stories),
        "non_us_points": points(work),
        "sprints_whose_total_disagrees": len(codes(plan, Code.POINTS_DIFFER)),
        "sprints_below_capacity": len(under),
        "sprints_above_capacity": len(codes(plan, Code.SPRINT_OVER_CAPACITY)),
        "epics_explicit": len(plan.epics),
        "epics_inferred_from_us_numbers": len(inferred),
        "us_per_inferred_epic": inferred,
        "items_titled_performance_optimization": sum(
            story.title == "Performance Optimization" for story in plan.stories
        ),
        "checkboxes": sum(item.done is not None for item in deliverables),
        "checkboxes_checked": sum(item.done is True for item in deliverables),
        "deliverables": len(deliverables),
        "success_criteria": sum(len(sprint.success_criteria) for sprint in plan.sprints),
        "sprint_definition_of_done_items": sum(len(sprint.definition_of_done) for sprint in plan.sprints),
        "definition_of_done_items": len(plan.definition_of_done or []),
        "definition_of_ready_items": len(plan.definition_of_ready or []),
        "success_metrics": len(plan.metrics),
        "success_metrics_technical": sum(metric.category == "technical" for metric in plan.metrics),
        "success_metrics_business": sum(metric.category == "business" for metric in plan.metrics),
        "risks": len(plan.risks),
        "mitigations": sum(risk.mitigation is not None for risk in plan.risks),
        "ceremonies": len(fact(plan, "Team Coordination", "Sprint Ceremonies")["items"]),
        "tasks": sum(len(story.tasks) for story in plan.stories),
        "acceptance_criteria": sum(len(story.acceptance_criteria) for story in plan.stories),
        "files": sum(len(story.files) for story in plan.stories),
        "dependencies": sum(len(story.dependencies) for story in plan.stories),
        "agents": len(plan.agents),
        "phases": len(plan.phases),
    }


def test_source_title_and_head(plan: Plan, expected: dict[str, Any]) -> None:
    source = expected["source"]
    assert (plan.source.file, plan.source.kind, plan.source.lines) == (
        source["file"],
        source["kind"],
        source["lines"],
    )
    assert (plan.title, plan.project) == (expected["title"], expected["project"])
    assert fact(plan, "Sprint Overview", "Team Size") == expected["team"]
    duration = fact(plan, "Sprint Overview", "Project Duration")
    assert duration["as_written"] == expected["duration_as_written"]
    assert fact(plan, "Sprint Overview", "Sprint Length") == expected["sprint_length"]
    assert f"Sprint Capacity: {plan.capacity}" == expected["sprints"][0]["capacity_from"]


def test_sprints(plan: Plan, expected: dict[str, Any]) -> None:
    assert [sprint.id for sprint in plan.sprints] == [sprint["id"] for sprint in expected["sprints"]]
    under = codes(plan, Code.SPRINT_UNDER_CAPACITY)
    for sprint, told in zip(plan.sprints, expected["sprints"], strict=True):
        for name in ("number", "name", "duration_text", "goal", "points_stated", "line"):
            assert getattr(sprint, name) == told[name], (sprint.id, name)
        assert list(sprint.weeks or ()) == told["weeks"]
        assert list(sprint.capacity_range or ()) == told["capacity_points"] == expected["capacity_points"]
        for name in ("deliverables", "success_criteria", "definition_of_done"):
            assert items(getattr(sprint, name)) == told[name], (sprint.id, name)
        inside = [story for story in plan.stories if story.sprints == [sprint.id]]
        stories = [story for story in inside if story.kind == "story"]
        assert (len(inside), points(inside)) == (told["items"], told["points_sum_of_rows"])
        assert (len(stories), points(stories)) == (told["us_stories"], told["us_points"])
        assert (points(inside) == sprint.points_stated) is told["points_agree"]
        assert (sprint.line not in under) is told["within_capacity"]


def compare(plan: Plan, story: Story, told: dict[str, Any]) -> None:
    for name in ("title", "description", "kind", "epic", "points", "priority", "line"):
        assert getattr(story, name) == told[name], (story.id, name)
    assert story.sprints == [told["sprint"]]
    inside = [each.id for each in plan.stories if each.sprints == story.sprints]
    assert inside.index(story.id) + 1 == told["order_in_sprint"]
    assert (story.agents, story.done) == (told["agents"], told["status"])
    assert (story.tasks, story.acceptance_criteria, story.files) == ([], [], [])
    assert (story.dependencies, story.dependencies_as_written) == ([], told["dependencies"]["as_written"])


def test_stories(plan: Plan, expected: dict[str, Any]) -> None:
    stories = of_kind(plan, "story")
    assert [story.id for story in stories] == [story["id"] for story in expected["stories"]]
    for story, told in zip(stories, expected["stories"], strict=True):
        compare(plan, story, told)


def test_work_items_are_known_by_sprint_and_title(plan: Plan, expected: dict[str, Any]) -> None:
    work, told_work = of_kind(plan, "work_item"), expected["work_items_without_id"]
    assert [story.id for story in work] == [told["recommended_key"] for told in told_work]
    for story, told in zip(work, told_work, strict=True):
        compare(plan, story, told)


def test_epics_are_inferred_and_not_written(plan: Plan, expected: dict[str, Any]) -> None:
    assert plan.epics == expected["epics"] == []
    found = {each.name: each.value for each in facts(plan, "Epics")}
    assert found == {
        told["id"]: {
            "inferred": True,
            "stories": told["stories"],
            "points": told["points_sum"],
            "sprints": told["sprints"],
        }
        for told in expected["epics_inferred"]
    }
    groups = {story: name for name, value in found.items() for story in value["stories"]}
    assert groups == {told["id"]: told["epic_inferred"] for told in expected["stories"]}


def test_metrics(plan: Plan, expected: dict[str, Any]) -> None:
    assert [metric.model_dump() for metric in plan.metrics] == expected["success_metrics"]


def test_risks_are_paired_by_place_and_say_so(plan: Plan, expected: dict[str, Any]) -> None:
    for risk, told in zip(plan.risks, expected["risks"], strict=True):
        for name in ("name", "text", "probability", "impact", "mitigation", "mitigation_line", "line"):
            assert getattr(risk, name) == told[name], name
        assert risk.level == told["level_from_heading"]
        assert risk.mitigation_inferred
    assert plan.contingency == []


def test_definitions_of_ready_and_done(plan: Plan, expected: dict[str, Any]) -> None:
    assert items(plan.definition_of_ready) == expected["definition_of_ready"]
    assert items(plan.definition_of_done) == expected["definition_of_done"]
    assert plan.deliverables is None


def test_ceremonies(plan: Plan, expected: dict[str, Any]) -> None:
    found = fact(plan, "Team Coordination", "Sprint Ceremonies")["items"]
    assert [
        {
            "name": each["name"],
            "as_written": each["text"],
            "minutes": each["minutes"],
            "when": each.get("when"),
            "line": each["line"],
        }
        for each in found
    ] == expected["ceremonies"]


def test_the_closing_paragraph_is_no_item(plan: Plan) -> None:
    closing = [each for each in plan.facts if each.line == 237]
    assert [each.value.startswith("This sprint plan provides") for each in closing] == [True]


def test_the_ambiguities_are_warned_about_and_stop_nothing(plan: Plan) -> None:
    findings = check_plan(plan)
    assert not has_errors(findings)
    found = {(each.code, each.line) for each in findings}
    assert {
        (Code.COUNT_DIFFERS, 5),  # 6 sprints and 12 weeks, but 7 and 14
        (Code.SPRINT_UNDER_CAPACITY, 12),
        (Code.SPRINT_UNDER_CAPACITY, 161),
        (Code.WORK_WITHOUT_ID, 17),
        (Code.TITLE_REPEATED, 144),
        (Code.EPICS_INFERRED, 16),
        (Code.MITIGATIONS_PAIRED, 192),
    } <= found
    counts = [each.message for each in findings if each.code == Code.COUNT_DIFFERS]
    assert ["6 sprints" in counts[0] and "7" in counts[0], "12 weeks" in counts[1]] == [True, True]


def test_nothing_orders_what_the_document_does_not_order(plan: Plan) -> None:
    assert all(not wanted for wanted in story_edges(plan).values())
    sprint_1 = [story.id for story in plan.stories if story.sprints == ["Sprint 1"]]
    assert sprint_1[2:4] == ["US-1.4", "US-1.3"]


def test_the_normal_form_is_read_back_as_the_same_plan(plan: Plan) -> None:
    assert read_plan(plan.to_json()) == plan
