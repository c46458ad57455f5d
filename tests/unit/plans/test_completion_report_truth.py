"""The shared completion report, field by field, against what a person read out of it."""

from __future__ import annotations

from typing import Any

import pytest

from paceline.domain.graph import done_stories, story_edges
from paceline.domain.plan import Finding, Plan
from paceline.plans.completion_report import KIND
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan
from tests.shared_plans import plan_text

NAME = "bmad-sprint-3-summary"


def fact(plan: Plan, name: str, section: str | None = None) -> Any:
    found = [each.value for each in plan.facts if each.name == name and section in (None, each.section)]
    assert len(found) == 1, name
    return found[0]


def remarks(plan: Plan, code: Code) -> list[Finding]:
    return [each for each in check_plan(plan) if each.code == code]


def groups(value: dict[str, Any]) -> list[dict[str, Any]]:
    """A kept section's entries as the truth writes them."""
    return [{**item, "items": item.get("items", [])} for item in value["items"]]


def test_source_title_and_project(plan: Plan, expected: dict[str, Any]) -> None:
    assert (plan.title, plan.project) == (expected["title"], expected["project"])
    assert (plan.source.file, plan.source.kind, plan.source.lines) == (
        expected["source"]["file"],
        KIND,
        expected["source"]["lines"],
    )


def test_counts(plan: Plan, expected: dict[str, Any]) -> None:
    counts = expected["counts"]
    endpoints, events, files = (fact(plan, name) for name in ("endpoints", "events", "files"))
    services = fact(plan, "New Services Created")["items"]
    tests = groups(fact(plan, "Integration Testing Completed"))
    criteria = groups(fact(plan, "Sprint 3 Success Criteria Met"))
    ready = ready_features(plan)
    found = {
        "sprints": len(plan.sprints),
        "epics": len(plan.epics),
        "stories": len(plan.stories),
        "top_level_completed_tasks": len(done_stories(plan)),
        "task_sub_bullets": sum(len(story.tasks) for story in plan.stories),
        "endpoints": len(endpoints),
        "endpoints_stated": int(fact(plan, "API Endpoints Added")["texts"][3]["text"]),
        "websocket_endpoints": len(fact(plan, "websocket endpoints")),
        "services": len(services),
        "service_bullets": sum(len(service["items"]) for service in services),
        "events": len(events),
        "events_new": sum(event["kind"] == "new" for event in events),
        "events_enhanced": sum(event["kind"] == "enhanced" for event in events),
        "agent_statuses": len(fact(plan, "states")["values"]),
        "artifact_types": len(fact(plan, "types")["values"]),
        "db_models": len(fact(plan, "models", "Database Integration")),
        "files_new": sum(file["new"] for file in files),
        "files_modified": sum(not file["new"] for file in files),
        "files_total": len(files),
        "test_groups": len(tests),
        "test_group_items": sum(len(group["items"]) for group in tests),
        "success_criteria": len(criteria),
        "success_criteria_items": sum(len(criterion["items"]) for criterion in criteria),
        "frontend_ready_features": len(ready),
        "frontend_ready_items": sum(len(feature["items"]) for feature in ready),
        "deployment_notes": len(fact(plan, "Configuration & Deployment Notes")["items"]),
        "database_notes": len(fact(plan, "Database Integration")["items"]),
        "dependencies": sum(len(story.dependencies) for story in plan.stories),
        "agents": len(plan.agents),
        "risks": len(plan.risks),
        "success_metrics": len(plan.metrics),
    }
    assert found == {name: counts[name] for name in found}
    assert all(story.points is None for story in plan.stories)
    assert all(task.done is None for story in plan.stories for task in story.tasks)


def test_metadata(plan: Plan, expected: dict[str, Any]) -> None:
    told = expected["metadata"]
    assert fact(plan, "Completion Date") == {
        "as_written": told["completion_date"],
        "iso": told["completion_date_iso"],
    }
    status = fact(plan, "Status")
    assert status["as_written"] == told["status_as_written"]
    assert status["text"] == f"\u2705 {told['status']}"
    assert fact(plan, "Focus") == told["focus"]


def test_sprint(plan: Plan, expected: dict[str, Any]) -> None:
    [told] = expected["sprints"]
    [sprint] = plan.sprints
    for name in ("id", "number", "name", "duration_text", "goal", "capacity_points", "line"):
        assert getattr(sprint, name) == told[name], name
    assert fact(plan, "completion") == {"text": told["completion_text"], "percent": 100.0}
    assert fact(plan, "next_steps") == told["next_steps"]
    assert not sprint.implicit


def test_epics(plan: Plan, expected: dict[str, Any]) -> None:
    for epic, told in zip(plan.epics, expected["epics"], strict=True):
        assert epic.id == told["key_recommended"]
        for name in ("title", "goal", "priority", "points", "owner", "stories", "line"):
            assert getattr(epic, name) == told[name], (epic.id, name)
        parts = {"name": told["name_part"], "slice": told["slice_part"]}
        assert fact(plan, "title parts", epic.id) == parts
        assert epic.dependencies_as_written is told["dependencies"]["as_written"] is None
        assert not epic.implicit


def test_stories(plan: Plan, expected: dict[str, Any]) -> None:
    titles = {epic.id: epic.title for epic in plan.epics}
    for story, told in zip(plan.stories, expected["stories"], strict=True):
        assert story.id == told["key_recommended"]
        for name in ("title", "kind", "agents", "points", "priority", "done", "line"):
            assert getattr(story, name) == told[name], (story.id, name)
        assert titles[story.epic or ""] == told["epic"]
        assert story.sprints == [told["sprint"]]
        assert [item.model_dump(include={"text", "done", "line"}) for item in story.tasks] == [
            {name: task[name] for name in ("text", "done", "line")} for task in told["tasks"]
        ]
        assert story.acceptance_criteria == told["acceptance_criteria"]
        assert [file.model_dump() for file in story.files] == [
            {"path": file["path"], "new": file["new"]} for file in told["files"]
        ]
        assert story.files_as_written == next((file["path_as_written"] for file in told["files"]), None)
        assert not story.dependencies


def ready_features(plan: Plan) -> list[dict[str, Any]]:
    section = "Sprint 3 Features Ready for Frontend Integration"
    return [
        {"name": each.name, "items": each.value["items"], "line": each.line}
        for each in plan.facts
        if each.section == section
    ]


def test_what_was_built_is_kept_as_structured_facts(plan: Plan, expected: dict[str, Any]) -> None:
    assert fact(plan, "endpoints") == expected["endpoints"]
    assert fact(plan, "websocket endpoints") == expected["websocket_endpoints"]
    assert fact(plan, "events") == expected["events"]
    assert fact(plan, "files") == expected["files"]
    assert [
        {"name": service["text"], "responsibilities": service["items"], "line": service["line"]}
        for service in fact(plan, "New Services Created")["items"]
    ] == expected["services"]
    states = next(each for each in plan.facts if each.name == "states")
    assert {"agent": states.value["values"], "line": states.line} == expected["statuses"]
    assert states.value["subject"] == "agent"
    assert fact(plan, "types") == {"subject": "artifact", "values": expected["artifact_types"]}
    assert fact(plan, "models", "Database Integration") == expected["db_models"]
    assert fact(plan, "models", "Integration Testing Completed") == expected["pydantic_models"]
    assert ready_features(plan) == expected["frontend_ready"]


def test_what_was_proved_is_kept_as_structured_facts(plan: Plan, expected: dict[str, Any]) -> None:
    assert [
        {"name": group["text"], "done": group["done"], "items": group["items"], "line": group["line"]}
        for group in fact(plan, "Integration Testing Completed")["items"]
    ] == expected["test_groups"]
    assert fact(plan, "test_result") == expected["test_result"]
    assert fact(plan, "Sprint 3 Success Criteria Met")["items"] == expected["success_criteria"]
    notes = fact(plan, "Configuration & Deployment Notes")["items"]
    assert notes == expected["deployment_notes"]
    assert f"`{expected['artifact_storage']}`" in notes[2]["text"]
    assert fact(plan, "Database Integration")["items"] == expected["database_notes"]


def test_what_the_document_does_not_say_is_absent(plan: Plan, expected: dict[str, Any]) -> None:
    for name in ("definition_of_done", "definition_of_ready", "deliverables"):
        assert getattr(plan, name) is expected[name] is None
    assert plan.agents == plan.phases == plan.metrics == plan.risks == plan.contingency == []


def test_4_1_damaged_text_is_repaired_with_a_remark(plan: Plan, expected: dict[str, Any]) -> None:
    [remark] = remarks(plan, Code.TEXT_REPAIRED)
    assert (remark.line, "Mac Roman" in remark.message) == (4, True)
    told = [story.done for story in plan.stories] + [
        epic["status"] == "completed" for epic in expected["epics"]
    ]
    assert told == [True] * 11
    repaired = plan_text(NAME).encode().decode()
    again = read_plan(repaired.replace("\u201a\u00fa\u00d6", "\u2705"), f"{NAME}.md")
    assert [story.model_dump() for story in again.stories] == [story.model_dump() for story in plan.stories]


def test_4_2_it_is_imported_as_a_completed_sprint(plan: Plan) -> None:
    [remark] = remarks(plan, Code.REPORT_IMPORTED)
    assert "of 8 entries nothing is left to run" in remark.message
    assert done_stories(plan) == [story.id for story in plan.stories] == list(story_edges(plan))
    assert not has_errors(check_plan(plan))


def test_4_3_and_4_4_ids_are_assigned_with_a_remark(plan: Plan) -> None:
    [remark] = remarks(plan, Code.ID_ASSIGNED)
    assert (remark.line, "8 entries have no ids" in remark.message) == (16, True)


def test_4_5_and_4_11_methods_are_not_invented(plan: Plan) -> None:
    [remark] = remarks(plan, Code.METHOD_NOT_WRITTEN)
    assert (remark.line, remark.message.startswith("12 endpoints")) == (23, True)


def test_4_6_and_4_8_short_paths_are_completed_with_a_remark(plan: Plan) -> None:
    assert [remark.line for remark in remarks(plan, Code.PATH_COMPLETED)] == [16, 22, 38, 44, 51, 57, 68]
    assert "/api/hitl.py" not in str(fact(plan, "endpoints"))


def test_4_10_a_static_route_is_one_of_its_own(plan: Plan) -> None:
    route = next(e for e in fact(plan, "endpoints") if e["path"].endswith("/cleanup-old"))
    assert (route["params"], route["admin"]) == ([], True)


def test_4_13_the_next_step_is_kept_as_follow_up_work(plan: Plan) -> None:
    assert [remark.line for remark in remarks(plan, Code.FOLLOW_UP_WORK)] == [220]


def test_4_15_and_4_17_stated_counts_and_the_date_agree(plan: Plan) -> None:
    assert remarks(plan, Code.COUNT_DIFFERS) == remarks(plan, Code.DATE_NOT_UNDERSTOOD) == []


@pytest.mark.parametrize(
    ("written", "other", "line", "sentence"),
    [
        ("New Files Created (7)", "New Files Created (9)", 149, "states 9, and 7 are listed"),
        ("Artifact Management**: 5", "Artifact Management**: 6", 99, "states 6, and `Artifact API` lists 5"),
        ("Endpoints**: 12", "Endpoints**: 13", 101, "states 13, and its parts add up to 12"),
    ],
)
def test_4_15_another_count_is_remarked(written: str, other: str, line: int, sentence: str) -> None:
    changed = read_plan(plan_text(NAME).replace(written, other), "report.md")
    found = [(each.line, each.message) for each in remarks(changed, Code.COUNT_DIFFERS)]
    assert (line, True) in [(at, sentence in message) for at, message in found]


def test_4_17_a_date_in_no_known_form_is_remarked() -> None:
    changed = read_plan(plan_text(NAME).replace("September 12, 2025", "week 37 of 2025"), "report.md")
    assert [each.line for each in remarks(changed, Code.DATE_NOT_UNDERSTOOD)] == [3]


def test_the_same_bytes_for_the_same_document(plan: Plan) -> None:
    assert read_plan(plan_text(NAME), f"{NAME}.md").to_json() == plan.to_json()
    assert read_plan(plan.to_json()) == plan
