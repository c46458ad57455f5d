"""Large plans: steps and memory grow no faster than the plan, counted and not timed; bad shapes stay bounded.

`python -m tests.bench.plans` measures seconds.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

import pytest

from paceline.domain.forecast import forecast
from paceline.domain.graph import story_edges
from paceline.domain.plan import Dependency, File, Plan, Source, Sprint, Story
from paceline.domain.schedule import preview
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.mermaid import MOST_TEXT, to_mermaid
from paceline.plans.reader import read_plan
from tests.bench.plans import FORMATS, agent_sprint

_Input = TypeVar("_Input")

MANY = 10_000
SMALL, LARGE = 150, 600
GROWTH = 1.25
"""So much more a story of the large plan may cost than one of the small plan."""


def test_ten_thousand_stories() -> None:
    plan = read_plan(agent_sprint(MANY))
    found = preview(plan)
    assert len(plan.stories) == MANY
    assert check_plan(plan) == []
    assert [len(wave) for wave in found.waves] == [MANY // 10] * 10
    assert len(found.critical_path) == 10
    assert len(forecast(plan, rounds=1).schedule) == MANY


@pytest.mark.parametrize("name", FORMATS)
def test_the_steps_for_a_story_do_not_grow_with_the_plan(name: str) -> None:
    """Counts the calls of Python functions, which are the same on every machine."""
    text = FORMATS[name]
    small, large = text(SMALL), text(LARGE)
    _all_steps(small)  # fills caches, which would count for the small plan only
    assert calls(_all_steps, large) < GROWTH * LARGE / SMALL * calls(_all_steps, small)


def test_memory_grows_with_the_plan_and_stays_within_what_is_allowed() -> None:
    """500 MB are allowed for ten thousand stories; Python and the packages take about 50 of them."""
    small, large = agent_sprint(SMALL), agent_sprint(LARGE)
    _all_steps(small)
    most = peak(_all_steps, large)
    assert most < GROWTH * LARGE / SMALL * peak(_all_steps, small)
    assert most / LARGE * MANY < 400e6


def _all_steps(text: str) -> None:
    plan = read_plan(text)
    check_plan(plan)
    preview(plan)
    forecast(plan, rounds=1)


def calls(step: Callable[[_Input], None], given: _Input) -> int:
    """How many calls of Python functions a step makes."""
    count = 0

    def tally(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(tally)
    try:
        step(given)
    finally:
        sys.setprofile(before)
    return count


def peak(step: Callable[[str], None], text: str) -> int:
    """The most memory in bytes that a step holds at once."""
    tracemalloc.start()
    try:
        step(text)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# Shapes that make a quadratic step or a recursion show ---


def a_plan(stories: list[Story]) -> Plan:
    source = Source(kind="test", lines=1, digest="")
    return Plan(title="T", source=source, stories=stories, sprints=[Sprint(id="S", implicit=True)])


def a_story(identity: str, *waits: str, files: tuple[str, ...] = ()) -> Story:
    needed = [Dependency(as_written=before, resolved=[before]) for before in waits]
    named = [File(path=path) for path in files or (f"{identity}.py",)]
    return Story(id=identity, title=identity, dependencies=needed, files=named, checks=["true"])


def layers() -> list[Story]:
    """Every story of one half waits for every story of the other: 90,000 dependencies."""
    first = [a_story(f"a{n}") for n in range(300)]
    return [*first, *(a_story(f"b{n}", *(each.id for each in first)) for n in range(300))]


SHAPES: dict[str, Callable[[int], list[Story]]] = {
    "chain": lambda count: [a_story(f"s{n}", *([f"s{n - 1}"] if n else [])) for n in range(count)],
    "star": lambda count: [a_story("hub"), *(a_story(f"s{n}", "hub") for n in range(count))],
    "one file": lambda count: [a_story(f"s{n}", files=("hot.py",)) for n in range(count)],
    "folders": lambda count: [a_story(f"s{n}", files=(f"src/{n}/**", f"src/{n}/a.py")) for n in range(count)],
    "names": lambda count: [a_story(f"s{n}", files=(f"**/test_{n}.py",)) for n in range(count)],
    "nested": lambda count: [a_story(f"s{n}", files=("d/" * (n % 50 + 1),)) for n in range(count)],
    "everything": lambda count: [a_story(f"s{n}", files=("**",) if n % 2 else ()) for n in range(count)],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_makes_a_story_of_a_large_plan_cost_more(shape: str) -> None:
    small, large = a_plan(SHAPES[shape](SMALL)), a_plan(SHAPES[shape](4 * SMALL))
    _later_steps(small)
    assert calls(_later_steps, large) < GROWTH * 4 * calls(_later_steps, small)


@pytest.mark.parametrize("stories", [SHAPES["chain"](MANY), layers()], ids=["chain", "layers"])
def test_long_and_dense_graphs_are_scheduled(stories: list[Story]) -> None:
    """Neither a recursion of ten thousand nor ninety thousand dependencies are too much."""
    plan = a_plan(stories)
    assert len(preview(plan).waves) == len(preview(plan).critical_path)
    _later_steps(plan)


def test_globs_that_all_overlap_are_compared_up_to_a_limit() -> None:
    plan = a_plan([a_story(f"s{n}", files=(f"src/*/x{n}*",)) for n in range(MANY)])
    assert not preview(plan).contention_complete
    assert not forecast(plan, rounds=1).assumptions.exact


def _later_steps(plan: Plan) -> None:
    assert not has_errors(check_plan(plan))
    assert sum(len(wave) for wave in preview(plan).waves) == len(plan.stories)
    assert len(forecast(plan, rounds=1).schedule) == len(plan.stories)
    assert len(to_mermaid(plan)) <= MOST_TEXT


WRITTEN: dict[str, Callable[[int], str]] = {
    "one epic again and again": lambda count: "### Epic 1: Part\n" * count + "#### Story 1.1: Piece\n",
    "one epic in every sprint": lambda count: "".join(
        f"## Sprint {n}\n### Epic 1: Part\n#### Story 1.{n}: Piece\n" for n in range(count)
    ),
    "ranges": lambda count: "".join(
        f"#### Story 1.{n}: Piece\n- **Dependencies**: Stories 1.{max(n - 3, 0)}-1.{max(n - 1, 0)}\n"
        for n in range(count)
    ),
}


@pytest.mark.parametrize("shape", WRITTEN)
def test_no_way_of_writing_makes_a_line_of_a_large_plan_cost_more(shape: str) -> None:
    def read(text: str) -> None:
        check_plan(read_plan(f"# P\n## Sprint Backlog\n{text}- **Agent**: A\n"))

    small, large = WRITTEN[shape](SMALL), WRITTEN[shape](4 * SMALL)
    read(small)
    assert calls(read, large) < GROWTH * 4 * calls(read, small)


def test_a_story_that_waits_for_all_others_is_scheduled() -> None:
    """Each of a hundred thousand is looked up and not searched for."""
    others = [a_story(f"s{n}") for n in range(10 * MANY)]
    edges = story_edges(a_plan([*others, a_story("last", *(each.id for each in others))]))
    assert edges["last"] == [each.id for each in others]


def test_a_cycle_of_ten_thousand_is_a_finding() -> None:
    ring = [a_story(f"s{n}", f"s{(n - 1) % MANY}") for n in range(MANY)]
    assert [each.code for each in check_plan(a_plan(ring)) if each.severity == "error"] == [
        "DEPENDENCY_CYCLE"
    ]
