"""Words of plans in five languages, and in one that is added to the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from paceline.domain.plan import Plan
from paceline.plans.labels import Meanings, Words, concept_of, read_labels, table_text, using
from paceline.plans.quantities import number_of, number_range, points_of, points_value
from paceline.plans.reader import read_plan

FOLDER = Path(__file__).resolve().parents[2] / "plans" / "languages"


def plan_in(language: str) -> str:
    return (FOLDER / f"{language}.md").read_text(encoding="utf-8")


ENGLISH = plan_in("en")
DUTCH = (
    ENGLISH.replace("Epic", "Thema")
    .replace("Story", "Verhaal")
    .replace("Agent", "Toegewezen")
    .replace("Points", "Punten")
    .replace("5 points", "5 punten")
    .replace("Dependencies", "Afhankelijkheden")
    .replace("Tasks", "Taken")
    .replace("Acceptance Criteria", "Acceptatiecriteria")
    .replace("Files", "Bestanden")
    .replace("Priority", "Prioriteit")
    .replace("None", "geen")
    .replace(" and ", " en ")
    .replace("Risks", "Risico's")
    .replace("Mitigation", "Maatregel")
)
DUTCH_ROWS = {
    "heading.epic": "Thema",
    "heading.story": "Verhaal",
    "agents": "Toegewezen",
    "points": "Punten",
    "total_points": "Total Punten",
    "unit.points": "punten",
    "dependencies": "Afhankelijkheden",
    "tasks": "Taken",
    "acceptance_criteria": "Acceptatiecriteria",
    "files": "Bestanden",
    "priority": "Prioriteit",
    "value.nothing": "geen",
    "joiner.and": "en",
    "risks": "Risico's",
    "mitigations": "Maatregel",
}


def numbered(name: str | None) -> str | None:
    """An id without its language's word."""
    return name.rpartition(" ")[2].removeprefix("故事") if name else None


def essence(plan: Plan) -> dict[str, object]:
    """What does not depend on the language."""
    return {
        "project": plan.project,
        "sprint": (plan.sprints[0].number, plan.sprints[0].duration_text, plan.sprints[0].points_stated),
        "epics": [(numbered(e.id), e.title, [numbered(s) for s in e.stories]) for e in plan.epics],
        "stories": [
            (
                numbered(story.id),
                story.title,
                story.agents,
                story.collaborative,
                story.points,
                [numbered(target) for one in story.dependencies for target in one.resolved],
                [item.text for item in story.tasks],
                [item.text for item in story.acceptance_criteria],
                [file.path for file in story.files],
                story.done,
            )
            for story in plan.stories
        ],
        "risks": [(risk.name, risk.text, risk.mitigation) for risk in plan.risks],
        "done": [item.text for item in plan.definition_of_done or []],
        "warnings": sorted(warning.code for warning in plan.warnings),
    }


def test_the_english_plan_says_all_of_it() -> None:
    read = essence(read_plan(ENGLISH))
    assert read["stories"] == [
        ("1.1", "Heat the oven", ["Ada"], False, 3, [], ["Light it"], ["It is hot"], ["oven.py"], True),
        ("1.2", "Bake bread", ["Ada", "Ben"], True, 5, ["1.1", "2"], ["Knead"], ["It smells good"], [], None),
        ("2.1", "Buy flour", ["Ben"], False, 0.5, [], ["Walk"], [], [], None),
    ]
    assert read["risks"] == [("Fire", "It burns", "Water")]
    assert read["done"] == ["All is eaten"]
    assert read["sprint"] == (2, "2 weeks", 8)


@pytest.mark.parametrize("language", ["de", "es", "fr", "zh"])
def test_other_languages_read_like_english(language: str) -> None:
    assert essence(read_plan(plan_in(language))) == essence(read_plan(ENGLISH))


def test_ids_keep_the_word_of_their_language() -> None:
    assert [story.id for story in read_plan(plan_in("zh")).stories] == ["故事 1.1", "故事 1.2", "故事 2.1"]
    assert [epic.id for epic in read_plan(plan_in("es")).epics] == ["Épica 1", "Épica 2"]


def test_a_language_is_added_by_rows_of_the_table() -> None:
    lines = table_text().splitlines()
    for concept, word in DUTCH_ROWS.items():
        lines.insert(lines.index(f"[{concept}]") + 1, f'nl = ["{word}"]')
    with using(read_labels("\n".join(lines))):
        dutch = essence(read_plan(DUTCH))
    assert dutch == essence(read_plan(ENGLISH))
    assert concept_of("Risico's") is None


def test_case_accents_signs_and_decoration_do_not_matter() -> None:
    assert (
        concept_of("CRITERES D\u2019ACCEPTATION\uff1a")
        == concept_of("Critères d'acceptation")
        == "success_criteria"
    )
    assert concept_of("🎯 Sprint Goal") == "goal"
    assert concept_of("目标\uff08第一周\uff09") == "goal"


def test_of_two_concepts_with_one_word_the_first_holds() -> None:
    meanings = Meanings({"agents": "who", "lead": "first"})
    assert meanings["Responsable"] == "who"
    assert meanings["Scrum Master"] == "first"
    assert "Nobody" not in meanings
    assert len(Words("value.nothing") | {"perhaps"}) == len(Words("value.nothing")) + 1


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("3 points", 3),
        ("5 SP", 5),
        ("SP: 5", 5),
        ("8 点", 8),
        ("8点", 8),
        ("2,5 Punkte", 2.5),
        ("1 punto", 1),
        ("~3 pts.", 3),
        ("3-point", 3),
        ("1,200 points", 1200),
        ("5", None),
        ("3-5 points", None),
        ("5 spoons", None),
        ("M", None),
    ],
)
def test_points(text: str, points: float | None) -> None:
    assert points_of(text) == points


def test_numbers() -> None:
    assert points_value("5") == points_value("5,0 Punkte") == 5
    assert points_value("L") is None
    assert (number_of("1,5"), number_of("1,500"), number_of("0,125")) == (1.5, 1500, 0.125)
    assert number_range("von 40 bis 60") == number_range("40\u201360") == (40, 60)
