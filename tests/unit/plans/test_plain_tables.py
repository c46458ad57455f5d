"""Tables of work without headings, in markdown and in HTML."""

from __future__ import annotations

from html import escape
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.domain.plan import Plan
from paceline.plans import plain_table
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan

FOLDER = Path(__file__).resolve().parents[2] / "plans"
WORD = st.text("abcdefghijkmnopqrstuvwxyzABC\u00e4\u00e9\u4f60", min_size=2, max_size=8)
SENTENCE = st.lists(WORD, min_size=1, max_size=4).map(" ".join)
ROWS = st.lists(
    st.tuples(SENTENCE, st.integers(0, 21), st.sampled_from([None, True, False])), min_size=1, max_size=8
)
LANGUAGES = {
    "en": ("ID", "Story", "Points", "Depends on", "Status", "done", "open"),
    "de": ("Nr.", "Titel", "Punkte", "Abh\u00e4ngig von", "Stand", "erledigt", "offen"),
    "es": ("C\u00f3digo", "Historia", "Puntos", "Depende de", "Estado", "hecho", "pendiente"),
    "fr": ("Num\u00e9ro", "Titre", "Points", "D\u00e9pend de", "Statut", "termin\u00e9", "en cours"),
    "zh": ("ID", "\u6545\u4e8b", "\u70b9\u6570", "\u4f9d\u8d56", "\u72b6\u6001", "\u5b8c\u6210", "open"),
}  # fmt: skip


def example(name: str) -> Plan:
    return read_plan((FOLDER / name).read_text(encoding="utf-8"), name)


def waits(plan: Plan) -> list[list[str]]:
    return [[d for each in story.dependencies for d in each.resolved] for story in plan.stories]


def test_a_table_without_headings() -> None:
    plan = example("plain-table.md")
    assert plan.source.kind == plain_table.KIND
    assert [(s.id, s.title, s.points, s.agents, s.done, s.line) for s in plan.stories] == [
        ("A-1", "Boil the water", 2, ["Ada"], True, 3),
        ("A-2", "Brew the tea", 3, ["Bob"], False, 4),
        ("A-3", "Pour two cups", None, ["Ada", "Bob"], False, 5),
    ]
    assert waits(plan) == [[], ["A-1"], ["A-1", "A-2"]]
    assert [item.text for item in plan.stories[0].acceptance_criteria] == ["It is hot", "It is clean"]
    assert [file.path for file in plan.stories[0].files] == ["kettle.py"]
    codes = {(found.code, found.line) for found in check_plan(plan)}
    assert {(Code.NO_TITLE, 1), (Code.POINTS_NOT_A_NUMBER, 5)} <= codes
    assert not has_errors(check_plan(plan))


def test_a_table_in_html() -> None:
    plan = example("html-table.md")
    assert (plan.source.kind, plan.title) == (plain_table.KIND, "Harvest")
    assert [(s.id, s.title, s.agents, s.sprints, s.line) for s in plan.stories] == [
        ("1", "Pick apples & pears", ["Kim"], ["Sprint 1"], 8),
        ("2", "Press juice", ["Lou"], ["Sprint 2"], 10),
    ]
    assert [sprint.number for sprint in plan.sprints] == [1, 2]


@settings(max_examples=50, deadline=None)
@given(ROWS, st.sampled_from(sorted(LANGUAGES)), st.booleans())
def test_any_table_is_read(rows: list[tuple[str, int, bool | None]], language: str, html: bool) -> None:
    *headers, yes, no = LANGUAGES[language]
    states = {None: "", True: yes, False: no}
    cells = [headers, *([f"A-{n}", title, str(points), f"A-{n - 1}" if n > 1 else "-", states[done]]
                        for n, (title, points, done) in enumerate(rows, 1))]  # fmt: skip
    if html:
        lines = [
            "<table>",
            *(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in cells),
        ]
        lines.append("</table>")
    else:
        lines = ["| " + " | ".join(row) + " |" for row in cells]
        lines.insert(1, "| --- " * len(headers) + "|")
    plan = read_plan("\n".join(lines))
    assert plan.source.kind == plain_table.KIND
    assert [(s.title, s.points, s.done) for s in plan.stories] == rows
    assert waits(plan) == [[f"A-{n}"] if n else [] for n in range(len(rows))]
    assert [lines[(story.line or 0) - 1].find(story.title) >= 0 for story in plan.stories] == [True] * len(
        rows
    )
    assert not has_errors(check_plan(plan))
    assert read_plan(plan.to_json()) == plan
