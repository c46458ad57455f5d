"""Every sample is read by its own family's reader, whatever its name is and whatever else stands in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from paceline.errors import PlanUnreadable
from paceline.plans import (
    agent_sprint,
    backlog_md,
    bmad,
    kiro,
    plain_table,
    spec_kit,
    task_list,
    task_master,
)
from paceline.plans.document import Document
from paceline.plans.evidence import ENOUGH
from paceline.plans.reader import READERS, choose_reader, read_plan

FOLDER = Path(__file__).resolve().parents[2] / "plans"
FAMILIES = {
    "spec-kit-tasks.md": spec_kit.KIND,
    "kiro-tasks.md": kiro.KIND,
    "task-list.md": task_list.KIND,
    "task-master.json": task_master.KIND,
    "backlog-md/task-2 - Dig.md": backlog_md.KIND,
    "bmad/1.2.story.md": bmad.KIND,
    "bmad/epic-1.md": bmad.KIND,
    "backlog-fields.md": agent_sprint.KIND,
    "plain-table.md": plain_table.KIND,
    "html-table.md": plain_table.KIND,
}
CLEARLY = 0.9
"""How much more evidence there is for a sample's own format than for any other."""

CHECKLIST = (
    "\n\n## Before we open\n\n- [ ] The door is unlocked\n- [x] The lamp is lit\n- [ ] The bell rings\n"
)
TABLE = "\n\n## Rooms\n\n| Room | Colour | Windows |\n|---|---|---|\n| Kitchen | white | 2 |\n"
NUMBERS = "\n\n## Costs\n\n| Item | Status |\n|---|---|\n| Paint | bought |\n"
FENCE = "\n\n```markdown\n- [ ] T001 [P] [US1] An example\n# Story 9.9: An example\n```\n"


def text_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_each_sample_has_clearly_more_evidence_for_its_own_format(name: str) -> None:
    document = Document(text_of(name))
    scores = {reader.name: reader.evidence(document).score for reader in READERS}
    own = scores.pop(FAMILIES[name])
    # Any text that is a JSON object may be a normal form; of equal evidence the first reader is taken.
    others = {
        kind: score for kind, score in scores.items() if not name.endswith(".json") or kind != "normal form"
    }
    assert own >= ENOUGH
    assert own - max(others.values()) >= (CLEARLY if own > ENOUGH else 0), others
    assert choose_reader(document).name == FAMILIES[name]


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_the_name_of_the_file_decides_nothing(name: str) -> None:
    for other in ("tasks.md", "PLAN.markdown", "epics.md", "sprint.json", "notes"):
        plan = read_plan(text_of(name), other)
        assert plan.source.kind == FAMILIES[name]
        assert [story.id for story in plan.stories] == [
            story.id for story in read_plan(text_of(name)).stories
        ]


@pytest.mark.parametrize("addition", [CHECKLIST, TABLE, NUMBERS, FENCE])
@pytest.mark.parametrize("name", sorted(name for name in FAMILIES if not name.endswith(".json")))
def test_what_else_stands_in_a_plan_does_not_change_its_reader(name: str, addition: str) -> None:
    assert read_plan(text_of(name) + addition).source.kind == FAMILIES[name]


@pytest.mark.parametrize(
    "name", ["spec-kit-tasks.md", "kiro-tasks.md", "bmad/epic-1.md", "backlog-fields.md"]
)
def test_a_summary_table_at_the_end_adds_no_story(name: str) -> None:
    plain = read_plan(text_of(name))
    rows = "".join(f"| {story.id} | {story.title} | open |\n" for story in plain.stories)
    plan = read_plan(f"{text_of(name)}\n\n## Summary\n\n| ID | Story | Status |\n|---|---|---|\n{rows}")
    assert [(s.id, s.title, s.done) for s in plan.stories] == [(s.id, s.title, s.done) for s in plain.stories]


def test_an_agent_sprint_plan_with_boxes_stays_one() -> None:
    text = (
        "# Sprint 1: Tea house\n\n## Team\n\n### 1. Cook\n**Role**: Cooking\n\n"
        "## Sprint Backlog\n\n### Epic 1: Tea\n\n"
        "#### Story 1.1: Brew\n- **Agent**: Cook\n- **Tasks**:\n  - Boil\n- **Files**: `src/tea.py`\n"
    )
    for addition in ("", CHECKLIST, TABLE, NUMBERS):
        plan = read_plan(text + addition)
        assert plan.source.kind == agent_sprint.KIND
        assert [story.id for story in plan.stories] == ["Story 1.1"]


@pytest.mark.parametrize(
    "text",
    [
        "# The API\n\n| Endpoint | Method | Description |\n|---|---|---|\n| /tea | GET | Lists teas |\n",
        "# Changelog\n\n## [1.2.0] - 2026\n\n### Added\n\n- Tea\n\n## [1.1.0]\n\n### Fixed\n\n- Leak\n",
        "# Weekly round\n\nThere: Ann, Bo\n\n## Agenda\n\n1. Tea\n2. Cake\n\n## Actions\n\n- Ann buys tea\n",
        "# Tea house\n\nA tool that brews.\n\n## Install\n\n```\nmake\n```\n\n## Licence\n\nMIT\n",
        "# 1. Brew\n\n## Status\n\nAccepted\n\n## Context\n\nCups are small.\n\n## Decision\n\nPots.\n",
    ],
)
def test_what_is_close_to_a_plan_is_refused_with_what_would_make_it_one(text: str) -> None:
    with pytest.raises(PlanUnreadable, match=r"notes\.md is not a plan .*(?:Story|story)"):
        read_plan(text, "notes.md")


def test_the_boxes_of_a_readme_are_a_list_of_tasks() -> None:
    plan = read_plan(
        "# Tea house\n\nA tool.\n\n## Install\n\n```\nmake\n```\n\n## Roadmap\n\n- [x] Green tea\n"
        "- [ ] Black tea\n"
    )
    assert plan.source.kind == task_list.KIND
    assert [(s.title, s.done, s.epic) for s in plan.stories] == [
        ("Green tea", True, "Roadmap"),
        ("Black tea", False, "Roadmap"),
    ]
