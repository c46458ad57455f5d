"""The generated completion summary reads back, through the plan reader, to the counts of the run."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.completion import CompletionCheck
from paceline.domain.completion_summary import (
    FileLog,
    SummaryFacts,
    completion_summary,
    count_summary,
)
from paceline.domain.plan import Epic, Plan, Source, Story
from paceline.domain.states import SUCCESS_STATES, RunState, StoryState
from paceline.domain.status import REMOVED, ProjectStatus, Run, RunOptions, StoryStatus
from paceline.plans.completion_report import KIND
from paceline.plans.reader import read_plan

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
HOSTILE = [
    "Dig the beds",
    "Story 1.1: Dig",
    "Epic 2: Beds",
    "**Completed tasks**:",
    "- [x] more",
    "# Files created (3)",
    "✅ done",
    "❌ failed",
    "⚠️ risky",
    "~~gone~~",
    "`src/a.py`",
    "[ ] open",
    "(5 points)",
    "a\n\n## Epic: more\n",
    "Completed",
    "Files modified",
    "Sprint 3",
    "Stories",
    "src/a.py",
    "`a",
    "100% complete",
    "Next steps: go",
    "<script>alert(1)</script>",
    "US-1 - x (done)",
    "|a|b|",
    "\\",
    "&lt;",
    "1. first",
    "2024-01-01",
    "Phase 1: x",
    "---",
    "===",
    "Tasks",
    "Agent: Ada",
    "Depends on: 1.1",
    "Day 1",
    "\u2028x",
    "\x00",
    "*",
    "    code",
    "> quote",
    "Sprint Plan: Agent Team Composition",
    "Story Points: 5",
    "Not completed",
    "\u5b8c\u6210\u7684\u4efb\u52a1",
    "None",
]
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40))
states = st.sampled_from(list(StoryState))


@st.composite
def runs(draw: st.DrawFn) -> SummaryFacts:
    """A run with hostile texts in any state."""
    epics = draw(st.lists(texts, max_size=5, unique=True))
    ids = draw(st.lists(texts, max_size=12, unique=True))
    rows: list[StoryStatus] = []
    for name in ids:
        removed = draw(st.booleans()) and draw(st.booleans())
        rows.append(
            StoryStatus(
                id=name,
                title=draw(texts),
                epic=draw(st.sampled_from([None, *epics])),
                sprint=draw(st.sampled_from(["Sprint 1", "Files", "Sprint 2"])),
                agents=["Builder"],
                state=StoryState.CANCELLED if removed else draw(states),
                reason=draw(st.none() | texts),
                reason_code=REMOVED if removed else None,
                points=draw(st.none() | st.sampled_from([1.0, 0.5, 13.0])),
                merge_commit=draw(st.none() | st.just("c0ffee" * 6)),
            )
        )
    paths = draw(st.lists(texts.filter(bool), max_size=9, unique=True))
    cuts = sorted(draw(st.tuples(*[st.integers(0, len(paths))] * 2)))
    run = Run(
        id="allotment",
        title=draw(texts),
        plan_digest="0",
        repository=None,
        base_commit=None,
        options=RunOptions(),
        started_at=AT,
        state=draw(st.sampled_from(list(RunState))),
        ended_at=draw(st.none() | st.just(AT)),
    )
    return SummaryFacts(
        plan=a_plan(draw(texts), draw(st.none() | texts), epics),
        status=a_status(run, rows),
        check=CompletionCheck(
            project="allotment", complete=False, criteria=[], next_steps=draw(st.lists(texts, max_size=3))
        ),
        files=FileLog(new=paths[: cuts[0]], modified=paths[cuts[0] : cuts[1]], deleted=paths[cuts[1] :]),
    )


def a_plan(title: str, goal: str | None, epics: list[str]) -> Plan:
    return Plan(
        title=title,
        source=Source(file="plan.md", kind="test", lines=1, digest="0"),
        goal=goal,
        epics=[Epic(id=epic, title=epic, goal=goal) for epic in epics],
    )


def a_status(run: Run, rows: list[StoryStatus]) -> ProjectStatus:
    return ProjectStatus(
        run=run, counts={}, percent=0, stories=rows, agents=[], open_questions=0, last_event=0
    )


def read_back(text: str) -> dict[str, Any]:
    """The counts that the reader of reports finds."""
    plan = read_plan(text)
    assert plan.source.kind == KIND
    facts = {fact.name: fact.value for fact in plan.facts}
    files: list[dict[str, Any]] = facts.get("files") or []
    return {
        "epics": sum(not epic.implicit for epic in plan.epics),
        "stories": len(plan.stories),
        "done": sum(story.done is True for story in plan.stories),
        "files_new": sum(each["new"] for each in files),
        "files_modified": sum(not each["new"] for each in files),
        "percent": facts["completion"]["percent"],
    }


@given(runs())
def test_it_reads_back_to_the_same_counts(facts: SummaryFacts) -> None:
    counts = count_summary(facts)
    assert read_back(completion_summary(facts)) == counts.model_dump()
    kept = [story for story in facts.status.stories if not story.removed]
    assert counts.stories == len(kept)
    assert counts.done == sum(story.state in SUCCESS_STATES for story in kept)


@given(runs())
def test_no_text_is_markup(facts: SummaryFacts) -> None:
    text = completion_summary(facts)
    # A path stands in backticks, where nothing has a meaning.
    assert "<script" not in re.sub(r"`[^`\n]*`", "", text).replace("\\<", "")
    assert text.isprintable() or set(filter(lambda c: not c.isprintable(), text)) == {"\n"}


def test_it_says_what_the_shared_report_says() -> None:
    rows = [
        StoryStatus(id="Story 1.1", title="Dig", epic="Epic 1", sprint="Sprint 3", agents=["A"],
                    state=StoryState.MERGED, points=3, merge_commit="c0ffee" * 6),
        StoryStatus(id="Story 1.2", title="Sow", epic="Epic 1", sprint="Sprint 3", agents=["A"],
                    state=StoryState.FAILED, reason="no seeds"),
    ]  # fmt: skip
    plan = a_plan("Tend", "Plant every bed", ["Epic 1"])
    plan.stories = [Story(id=row.id, title=row.title) for row in rows]
    run = Run(
        id="allotment", title="Tend the Allotment", plan_digest="0", repository=None, base_commit=None,
        options=RunOptions(), started_at=AT, state=RunState.INCOMPLETE, ended_at=AT,
    )  # fmt: skip
    check = CompletionCheck(project="allotment", complete=False, criteria=[], next_steps=["Buy seeds."])
    text = completion_summary(
        SummaryFacts(plan, a_status(run, rows), check, FileLog(new=["beds.txt"], modified=["a b.md"]))
    )
    report = read_plan(text)
    facts = {fact.name: fact.value for fact in report.facts}
    assert report.title == "Completion summary: Tend the Allotment"
    assert report.goal == "Plant every bed"
    assert facts["Status"] == "Incomplete"
    assert facts["Completion Date"] == {"as_written": "2026-11-21", "iso": "2026-11-21"}
    assert facts["next_steps"] == "Buy seeds."
    assert facts["completion"]["percent"] == 50.0
    assert [(each["path"], each["new"]) for each in facts["files"]] == [("beds.txt", True), ("a b.md", False)]
    assert [(s.id, s.title, s.done, s.points) for s in report.stories] == [
        ("Story 1.1", "Dig", True, 3.0),
        ("Story 1.2", "Sow", False, None),
    ]
    assert report.warnings
    assert all(each.severity != "error" for each in report.warnings)
