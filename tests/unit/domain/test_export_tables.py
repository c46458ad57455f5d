"""Tables of a run as CSV: what was written comes back, and nothing in it is a formula."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.exports import COLUMNS, AttemptTable, ExportTable, csv_text
from tests.unit.domain.sprint_logs import log

CELLS = st.one_of(st.none(), st.integers(), st.text(st.characters(exclude_categories=["Cs"])))


@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1))
def test_every_cell_comes_back_and_none_is_a_formula(rows: list[list[str | int | None]]) -> None:
    read = list(csv.reader(io.StringIO(csv_text(rows), newline="")))
    assert len(read) == len(rows)
    for written, found in zip(rows, read, strict=True):
        for cell, text in zip(written, found, strict=True):
            if isinstance(cell, str):
                assert text.removeprefix("'") == cell or text == cell
                assert not text.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
            else:
                assert text == ("" if cell is None else str(cell))


@pytest.mark.parametrize(
    "hidden", [" =1+1", "\u00a0+1", "\ufeff@SUM(A1)", "\u200b-1", "\uff1d1+1", " \uff20x", "\x0b=1"]
)
def test_a_formula_behind_blanks_or_in_another_width_is_none(hidden: str) -> None:
    assert csv_text([[hidden, f"a{hidden}", "  a", ""]]).rstrip("\r\n") == f"'{hidden},a{hidden},  a,"


def test_an_attempt_is_a_row_when_it_ends() -> None:
    events = log(
        (0.0, "attempt.started", "a", {"attempt": 1, "agents": ["Ada", "Bo"]}),
        (0.1, "attempt.started", "b", {"attempt": 1, "agent": "Cy"}),
        (0.5, "attempt.ended", "a", {"attempt": 1, "code": "AGENT_EXIT", "reason": "it fell"}),
        (0.6, "attempt.started", "a", {"attempt": 2, "agent": "Ada"}),
        (1.0, "story.merged", "a", {"state": "merged"}),
        (1.1, "story.skipped", "c", {"state": "skipped"}),
    )
    table = AttemptTable()
    rows = [*table.read(events[:3]), *table.read(events[3:]), *table.rest()]
    named = [dict(zip(COLUMNS[ExportTable.ATTEMPTS], row, strict=True)) for row in rows]
    assert [
        (row["story"], row["attempt"], row["agents"], row["result"], row["seconds"]) for row in named
    ] == [
        ("a", 1, "Ada; Bo", "AGENT_EXIT", 43_200.0),
        ("a", 2, "Ada", "merged", 34_560.0),
        ("b", 1, "Cy", "under way", None),
    ]
    assert named[0]["reason"] == "it fell"
