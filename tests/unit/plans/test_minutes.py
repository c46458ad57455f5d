"""Minutes of a meeting, whose table says who does what by when."""

from __future__ import annotations

import pytest

from paceline.errors import PlanUnreadable
from paceline.plans import plain_table
from paceline.plans.reader import read_plan

MINUTES = """\
# Garden club, 3 March

We met in the shed.

## Action items

| {what} | {who} | {when} |
|---|---|---|
| Seal the barrels | Ada | 7 March |
| Turn the heap | Bo | 9 March |
"""


@pytest.mark.parametrize(
    ("what", "who", "when"),
    [
        ("What", "Who", "By when"),
        ("Action", "Owner", "Due"),
        ("Action item", "Assignee", "Due date"),
        ("Was", "Wer", "Bis wann"),
    ],
)
def test_who_does_what_by_when_is_work(what: str, who: str, when: str) -> None:
    plan = read_plan(MINUTES.format(what=what, who=who, when=when))
    assert plan.source.kind == plain_table.KIND
    assert [(story.title, story.agents) for story in plan.stories] == [
        ("Seal the barrels", ["Ada"]),
        ("Turn the heap", ["Bo"]),
    ]
    days = [(fact.name, fact.value) for fact in plan.facts if fact.section in {"T1", "T2"}]
    assert days == [(when, "7 March"), (when, "9 March")]


@pytest.mark.parametrize(
    "header",
    ["| What | Who | Where |", "| What | By when | Cost |", "| Risk | Action | Owner | Due |"],
)
def test_other_tables_are_no_work(header: str) -> None:
    columns = header.count("|") - 1
    row = f"|{'x|' * columns}"
    with pytest.raises(PlanUnreadable):
        read_plan(f"# Club\n\n{header}\n|{'-|' * columns}\n{row}\n{row}\n")
