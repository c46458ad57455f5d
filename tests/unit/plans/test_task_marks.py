"""Marks of task lists: work that is cancelled, put off or begun, and what waits for it."""

from __future__ import annotations

import pytest

from paceline.plans.findings import Code
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan
from paceline.plans.task_entries import paths_in, take_waits

LISTS = {
    "spec-kit": "## Phase 1: Walls\n\n- [x] T001 Level the ground\n{mark}\n"
    "- [ ] T003 Raise the roof{waits}\n",
    "Kiro": "- [x] 1. Level the ground\n{mark}\n- [ ] 3. Raise the roof{waits}\n",
    "task list": "- [x] #1 Level the ground\n{mark}\n- [ ] #3 Raise the roof{waits}\n",
}
SECOND = {"spec-kit": "T002", "Kiro": "2", "task list": "#2"}
MARKS = [
    ("- [ ] ~~{id} Lay the floor~~", "cancelled"),
    ("- [ ] {id} Lay the floor (cancelled)", "cancelled"),
    ("- [ ] {id} Lay the floor \u2014 DEFERRED (no wood)", "deferred"),
    ("- [>] {id} Lay the floor", "deferred"),
]


def written(kind: str, mark: str, *, waits: bool = False) -> str:
    second = SECOND[kind]
    return LISTS[kind].format(mark=mark.format(id=second), waits=f" (depends on {second})" if waits else "")


@pytest.mark.parametrize("kind", sorted(LISTS))
@pytest.mark.parametrize(("mark", "state"), MARKS)
def test_what_is_cancelled_or_put_off_is_no_story(kind: str, mark: str, state: str) -> None:
    plan = read_plan(written(kind, mark))
    assert [story.title for story in plan.stories] == ["Level the ground", "Raise the roof"]
    (fact,) = [fact for fact in plan.facts if fact.name == "left out"]
    assert (fact.section, fact.value["state"]) == (SECOND[kind], state)
    assert "Lay the floor" in fact.value["title"]
    codes = [found.code for found in check_plan(plan)]
    assert codes.count(Code.TASK_LEFT_OUT) == 1
    assert not has_errors(check_plan(plan))


@pytest.mark.parametrize("kind", sorted(LISTS))
@pytest.mark.parametrize(("mark", "state"), MARKS)
def test_what_waits_for_it_is_told(kind: str, mark: str, state: str) -> None:
    plan = read_plan(written(kind, mark, waits=True))
    codes = {found.code for found in check_plan(plan)}
    assert (Code.DEPENDENCY_CANCELLED in codes) == (state == "cancelled")
    assert (Code.DEPENDENCY_DEFERRED in codes) == has_errors(check_plan(plan)) == (state == "deferred")
    assert all(SECOND[kind] not in each.resolved for each in plan.stories[-1].dependencies)


@pytest.mark.parametrize("kind", sorted(LISTS))
def test_a_tick_says_more_than_a_strike(kind: str) -> None:
    plan = read_plan(written(kind, "- [x] ~~{id} Lay the floor~~"))
    assert [(story.title, story.done) for story in plan.stories][1] == ("Lay the floor", True)


@pytest.mark.parametrize("kind", sorted(LISTS))
def test_work_that_has_begun_is_open_and_told(kind: str) -> None:
    plan = read_plan(written(kind, "- [~] {id} Lay the floor"))
    assert plan.stories[1].done is False
    assert [found.line for found in check_plan(plan) if found.code == Code.TASK_BEGUN] == [
        plan.stories[1].line
    ]


def test_a_hyphen_is_begun_work_in_kiro_and_skipped_work_elsewhere() -> None:
    assert [story.done for story in read_plan(written("Kiro", "- [-] {id} Lay the floor")).stories] == [
        True,
        False,
        False,
    ]
    assert len(read_plan(written("spec-kit", "- [-] {id} Lay the floor")).stories) == 2


@pytest.mark.parametrize(
    "text",
    [
        "Handle deferred loading",
        "Add the states DEFERRED, CANCELLED and OPEN",
        "Skipped rows are counted",
        "Show (removed) beside the name of a guest",
    ],
)
def test_words_in_a_sentence_leave_nothing_out(text: str) -> None:
    plan = read_plan(f"- [ ] #1 {text}\n- [ ] #2 Sweep\n")
    assert [story.title for story in plan.stories] == [text, "Sweep"]


@pytest.mark.parametrize(
    ("text", "rest", "names"),
    [
        ("Paint it (depends on T012, T013)", "Paint it", "T012, T013"),
        ("Paint it (after T004 and T005)", "Paint it", "T004 and T005"),
        ("Paint it. Depends on T006.", "Paint it.", "T006"),
        ("Paint it, blocked by #7", "Paint it", "#7"),
        ("Paint it [Depends: T005]", "Paint it", "T005"),
        ("It depends on T006 whether we paint", "It depends on T006 whether we paint", "T006"),
        ("Paint it after 3 days", "Paint it after 3 days", None),
        ("It requires 2 brushes", "It requires 2 brushes", None),
    ],
)
def test_what_a_text_says_it_waits_for(text: str, rest: str, names: str | None) -> None:
    assert take_waits(text) == (rest, names)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("Change `src/walls/[id]/page.tsx` and src/roof.py", ["src/walls/[id]/page.tsx", "src/roof.py"]),
        ("Fill `src/[name].py` for {thing}/x.py", []),
        ("Call `walls.paint` of next.js and Node.js", []),
        ("See /etc/paint, ~/.paint.json, `../../paint.json` and https://paint.example/a.html", []),
        ("Write `tests/**` and docs/", ["tests/**", "docs/**"]),
        ("Fix `./src/paint.py:12-20`", ["src/paint.py"]),
        ("Add `.github/workflows/paint.yml` and `Dockerfile`", [".github/workflows/paint.yml", "Dockerfile"]),
        ("Red and/or green, `.test.ts` files", []),
    ],
)
def test_the_paths_of_running_text(text: str, paths: list[str]) -> None:
    assert [file.path for file in paths_in(text)] == paths
