"""The shared plan of days with boxes to tick, field by field, against what a person read out of it."""

from __future__ import annotations

from typing import Any

from paceline.domain.graph import story_edges
from paceline.domain.plan import Item, Plan
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan

NAME = "nova-torch-sprint"


def items(entries: list[Item] | None) -> list[dict[str, Any]]:
    return [{"text": entry.text, "done": entry.done, "line": entry.line} for entry in entries or []]


def fact(plan: Plan, section: str, name: str) -> Any:
    return next(each.value for each in plan.facts if (each.section, each.name) == (section, name))


def specification(plan: Plan, name: str) -> dict[str, Any]:
    return fact(plan, "Technical Specifications", name)


def enum(fields: list[dict[str, Any]], name: str) -> list[str]:
    return next(field["enum"] for field in fields if field["name"] == name)


def test_counts(plan: Plan, expected: dict[str, Any]) -> None:
    sprint = plan.sprints[0]
    done = plan.definition_of_done or []
    boxes = [story.done for story in plan.stories] + [item.done for item in [*sprint.success_criteria, *done]]
    message = specification(plan, "Message Format")["fields"]
    registry = specification(plan, "Agent Registry Schema")["fields"]
    retrospective = "Sprint Retrospective Items"
    assert expected["counts"] == {
        "sprints": len(plan.sprints),
        "weeks": sum(each.section == "Weeks" for each in plan.facts),
        "day_groups": len(plan.phases),
        "days": max(phase.days[1] for phase in plan.phases if phase.days),
        "epics": len(plan.epics),
        "stories": len(plan.stories),
        "top_level_tasks": sum(story.kind == "task" for story in plan.stories),
        "subtasks": sum(len(story.tasks) for story in plan.stories),
        "points_planned": sprint.points_stated,
        "tasks_with_points": sum(story.points is not None for story in plan.stories),
        "tasks_with_assignee": sum(bool(story.agents) for story in plan.stories),
        "dependencies": sum(len(story.dependencies) for story in plan.stories),
        "checkboxes": sum(box is not None for box in boxes),
        "checkboxes_checked": sum(box is True for box in boxes),
        "checkboxes_success_criteria": sum(item.done is not None for item in sprint.success_criteria),
        "checkboxes_tasks": sum(story.done is not None for story in plan.stories),
        "checkboxes_definition_of_done": sum(item.done is not None for item in done),
        "success_criteria": len(sprint.success_criteria),
        "definition_of_done_items": len(done),
        "quality_metrics": len(plan.metrics),
        "velocity_lines": len(fact(plan, "Sprint Metrics", "Velocity Tracking")["items"]),
        "risks": len(plan.risks),
        "risks_technical": sum(risk.category == "Technical Risks" for risk in plan.risks),
        "risks_timeline": sum(risk.category == "Timeline Risks" for risk in plan.risks),
        "retrospective_evaluate": len(fact(plan, retrospective, "What to Evaluate")["items"]),
        "retrospective_improve": len(fact(plan, retrospective, "Continuous Improvement")["items"]),
        "channels": len(specification(plan, "DragonflyDB Integration")["entries"]),
        "message_fields": len(message),
        "message_types": len(enum(message, "type")),
        "registry_fields": len(registry),
        "registry_roles": len(enum(registry, "role")),
        "registry_statuses": len(enum(registry, "status")),
        "registry_performance_fields": len(registry[-1]["fields"]),
        "code_fences": sum(each.section == "Technical Specifications" for each in plan.facts),
        "files": sum(len(story.files) for story in plan.stories),
        "acceptance_criteria": sum(len(story.acceptance_criteria) for story in plan.stories),
    }


def test_source_title_and_metadata(plan: Plan, expected: dict[str, Any]) -> None:
    source, told = expected["source"], expected["metadata"]
    assert (plan.source.file, plan.source.kind, plan.source.lines) == (
        source["file"],
        source["kind"],
        source["lines"],
    )
    assert (plan.title, plan.project) == (expected["title"], expected["project"])
    assert plan.agents[0].id == told["sprint_lead"]
    for name in ("Date", "Department", "Classification", "Next Review"):
        assert fact(plan, plan.title, name) == told[name.lower().replace(" ", "_")]
    assert fact(plan, plan.title, "Repeated labels") == told["footer_repeats"]


def test_sprint_and_weeks(plan: Plan, expected: dict[str, Any]) -> None:
    sprint, told = plan.sprints[0], expected["sprints"][0]
    for name in ("id", "number", "name", "duration_text", "goal", "capacity_points", "line"):
        assert getattr(sprint, name) == told[name], name
    assert sprint.points_stated == told["points_planned"]
    assert items(sprint.success_criteria) == told["success_criteria"]
    _, completed, velocity = fact(plan, "Sprint Metrics", "Velocity Tracking")["items"]
    assert (completed["value"], completed["text"]) == (
        told["points_completed"],
        told["points_completed_as_written"],
    )
    assert (velocity["value"], velocity["text"]) == (told["velocity"], told["velocity_as_written"])
    weeks = [each for each in plan.facts if each.section == "Weeks"]
    assert [{"id": w.name, "name": w.value["name"], "line": w.line} for w in weeks] == told["weeks"]


def test_the_lead_coordinates_and_gets_no_task(plan: Plan, expected: dict[str, Any]) -> None:
    found = [
        {
            "id": agent.id,
            "role": agent.role,
            "line": agent.line,
            "stories": [story.id for story in plan.stories if agent.id in story.agents],
        }
        for agent in plan.agents
    ]
    assert found == expected["agents"]
    assert plan.agents[0].coordinator


def test_stories(plan: Plan, expected: dict[str, Any]) -> None:
    weeks = {phase.id: phase.week for phase in plan.phases}
    days = {phase.id: list(phase.days or ()) for phase in plan.phases}
    assert [story.id for story in plan.stories] == [story["id"] for story in expected["stories"]]
    for story, told in zip(plan.stories, expected["stories"], strict=True):
        for name in ("title", "kind", "epic", "phase", "agents", "points", "priority", "done", "line"):
            assert getattr(story, name) == told[name], (story.id, name)
        assert (story.sprints, weeks[story.phase or ""]) == ([told["sprint"]], told["week"])
        tasks = [{**task, "day": days[story.phase or ""]} for task in items(story.tasks)]
        assert tasks == told["tasks"]
        assert (story.acceptance_criteria, story.files, story.dependencies) == ([], [], [])
    assert plan.epics == expected["epics"]
    assert all(not wanted for wanted in story_edges(plan).values())


def test_phases(plan: Plan, expected: dict[str, Any]) -> None:
    for phase, told in zip(plan.phases, expected["phases"], strict=True):
        for name in ("id", "name", "week", "mode", "line"):
            assert getattr(phase, name) == told[name], (phase.id, name)
        assert list(phase.days or ()) == told["days"]
        assert [step.story for step in phase.steps] == told["stories"]


def test_metrics_and_risks(plan: Plan, expected: dict[str, Any]) -> None:
    assert [metric.model_dump() for metric in plan.metrics] == expected["success_metrics"]
    assert [
        {
            "category": risk.category,
            "text": risk.name,
            "probability": risk.probability,
            "impact": risk.impact,
            "mitigation": risk.mitigation,
            "line": risk.line,
        }
        for risk in plan.risks
    ] == expected["risks"]
    assert not any(risk.level or risk.mitigation_inferred for risk in plan.risks)
    assert plan.contingency == []


def test_definition_of_done_in_groups(plan: Plan, expected: dict[str, Any]) -> None:
    done = plan.definition_of_done or []
    found = [{"group": item.group, **entry} for item, entry in zip(done, items(done), strict=True)]
    assert found == expected["definition_of_done"]
    assert plan.definition_of_ready is expected["definition_of_ready"] is None
    assert plan.deliverables is expected["deliverables"] is None


def test_retrospective(plan: Plan, expected: dict[str, Any]) -> None:
    for key, told in expected["retrospective"].items():
        name = {"what_to_evaluate": "What to Evaluate", "continuous_improvement": "Continuous Improvement"}[
            key
        ]
        assert fact(plan, "Sprint Retrospective Items", name)["items"] == told


def test_fences_are_facts_and_no_headings_or_tables(plan: Plan, expected: dict[str, Any]) -> None:
    told = expected["technical_specifications"]
    channels = specification(plan, "DragonflyDB Integration")["entries"]
    assert [{"name": c["name"], "purpose": c["text"], "line": c["line"]} for c in channels] == told[
        "channels"
    ]
    message = specification(plan, "Message Format")["fields"]
    assert [field["name"] for field in message] == told["message_format"]["fields"]
    assert enum(message, "type") == told["message_format"]["type_enum"] == expected["events"]
    schema, registry = told["agent_registry_schema"], specification(plan, "Agent Registry Schema")["fields"]
    assert [field["name"] for field in registry] == schema["fields"]
    assert enum(registry, "role") == schema["role_enum"]
    assert enum(registry, "status") == schema["status_enum"] == expected["statuses"]["agent"]
    assert next(field["value"] for field in registry if field["name"] == "skills") == schema["skills_example"]
    performance = {field["name"]: field["value"] for field in registry[-1]["fields"]}
    assert performance == schema["performance_fields"]
    lines = {each.name: each.line for each in plan.facts}
    assert lines["Message Format"] == told["message_format"]["line"]
    assert lines["Agent Registry Schema"] == schema["line"]


def test_the_ambiguities_are_warned_about_and_stop_nothing(plan: Plan) -> None:
    findings = check_plan(plan)
    assert not has_errors(findings)
    assert {
        (Code.DAYS_ORDER_NOTHING, 25),
        (Code.LEAD_NOT_ASSIGNED, 4),
        (Code.VALUE_UNDECIDED, 165),
        (Code.VALUE_UNDECIDED, 166),
        (Code.METRIC_REPEATED, 169),
        (Code.POINTS_WITHOUT_ROWS, 1),
    } <= {(each.code, each.line) for each in findings}
    assert Code.METADATA_DIFFERS not in {each.code for each in findings}
    assert read_plan(plan.to_json()) == plan
