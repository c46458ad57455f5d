"""Effective dependencies, cycles and waves."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.graph import (
    dependants,
    done_stories,
    find_cycle,
    stories_by_id,
    story_edges,
    topological_order,
    topological_waves,
    written_edges,
)
from paceline.domain.plan import Dependency, Epic, Phase, PhaseStep, Plan, Source, Story
from paceline.errors import PlanError

CHAIN = 10_000


def on(*targets: str, gate: list[str] | None = None) -> Dependency:
    return Dependency(as_written=", ".join(targets), resolved=list(targets), gate=gate)


def a_plan(stories: list[Story], epics: list[Epic] | None = None, phases: list[Phase] | None = None) -> Plan:
    source = Source(kind="test", lines=1, digest="")
    return Plan(title="T", source=source, stories=stories, epics=epics or [], phases=phases or [])


def a_story(identity: str, *dependencies: Dependency, epic: str | None = None) -> Story:
    return Story(id=identity, title=identity, epic=epic, dependencies=list(dependencies))


def graphs() -> st.SearchStrategy[dict[str, list[str]]]:
    """Graphs without cycles: each story waits for earlier ones only."""

    def build(choices: list[list[int]]) -> dict[str, list[str]]:
        return {
            f"s{n}": sorted({f"s{c % n}" for c in chosen} if n else ()) for n, chosen in enumerate(choices)
        }

    return st.lists(st.lists(st.integers(0, 50), max_size=3), max_size=20).map(build)


def test_a_story_inherits_what_its_epic_waits_for_after_its_own() -> None:
    epics = [Epic(id="E1", title=""), Epic(id="E2", title="", dependencies=[on("E1")])]
    stories = [a_story("a", epic="E1"), a_story("b", epic="E1"), a_story("c", epic="E2")]
    stories.append(a_story("d", on("c"), epic="E2"))
    assert story_edges(a_plan(stories, epics)) == {"a": [], "b": [], "c": ["a", "b"], "d": ["c", "a", "b"]}


def test_a_gate_narrows_an_epic() -> None:
    epics = [
        Epic(id="E1", title=""),
        Epic(id="E2", title="", dependencies=[on("E1", gate=["a"])]),
        Epic(id="E3", title="", dependencies=[on("E1", gate=[])]),
    ]
    stories = [
        a_story("a", epic="E1"),
        a_story("b", epic="E1"),
        a_story("c", epic="E2"),
        a_story("d", epic="E3"),
    ]
    assert story_edges(a_plan(stories, epics)) == {"a": [], "b": [], "c": ["a"], "d": []}


def test_unknown_ids_are_left_out_and_an_own_epic_means_the_others() -> None:
    epics = [Epic(id="E1", title="")]
    stories = [a_story("a", epic="E1"), a_story("b", on("E1"), on("ghost"), epic="E1")]
    assert story_edges(a_plan(stories, epics)) == {"a": [], "b": ["a"]}


def test_a_story_that_names_itself_keeps_that_edge() -> None:
    edges = story_edges(a_plan([a_story("a", on("a"))]))
    assert edges == {"a": ["a"]}
    assert find_cycle(edges) == ["a", "a"]


def test_sequential_phases_add_edges_that_written_dependencies_do_not_forbid() -> None:
    steps = [PhaseStep(text=name, story=name) for name in ("a", "b", "c")]
    phase = Phase(id="P", mode="sequential", steps=[steps[0], PhaseStep(text="no story"), *steps[1:]])
    stories = [a_story("a"), a_story("b"), a_story("c")]
    plan = a_plan(stories, phases=[phase])
    assert story_edges(plan) == {"a": [], "b": ["a"], "c": ["b"]}
    assert written_edges(plan) == {"a": [], "b": [], "c": []}
    parallel = a_plan(stories, phases=[phase.model_copy(update={"mode": "parallel"})])
    assert story_edges(parallel) == {"a": [], "b": [], "c": []}
    against = a_plan([a_story("a", on("b")), a_story("b"), a_story("c")], phases=[phase])
    assert story_edges(against) == {"a": ["b"], "b": [], "c": ["b"]}


def test_done_stories_stay_in_the_graph_and_are_named() -> None:
    done = a_story("a").model_copy(update={"done": True})
    plan = a_plan([done, a_story("b", on("a"))])
    assert story_edges(plan)["b"] == ["a"]
    assert done_stories(plan) == ["a"]


def test_the_first_of_duplicates_is_found_by_id() -> None:
    plan = a_plan([a_story("a"), Story(id="a", title="second")])
    assert stories_by_id(plan)["a"].title == "a"


def test_the_whole_cycle_is_shown() -> None:
    edges = {"x": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]}
    assert find_cycle(edges) == ["a", "b", "c", "a"]
    with pytest.raises(PlanError, match="a waits for b waits for c waits for a") as caught:
        topological_waves(edges)
    assert caught.value.details["cycle"] == ["a", "b", "c", "a"]


def test_waves_keep_plan_order() -> None:
    edges: dict[str, list[str]] = {"c": [], "a": [], "b": ["a"], "d": ["b", "c"], "e": ["c"]}
    assert topological_waves(edges) == [["c", "a"], ["b", "e"], ["d"]]
    assert topological_waves({}) == []


def test_a_rank_decides_among_those_that_could_come_next() -> None:
    edges: dict[str, list[str]] = {"a": [], "b": [], "c": ["b"]}
    assert topological_order(edges) == ["a", "b", "c"]
    assert topological_order(edges, {"b": 0, "c": 1, "a": 2}) == ["b", "c", "a"]


def test_chains_of_ten_thousand_need_no_recursion() -> None:
    stories = [a_story("s0"), *(a_story(f"s{n}", on(f"s{n - 1}")) for n in range(1, CHAIN))]
    edges = story_edges(a_plan(stories))
    assert find_cycle(edges) is None
    assert topological_waves(edges) == [[f"s{n}"] for n in range(CHAIN)]
    cycle = find_cycle({**edges, "s0": [f"s{CHAIN - 1}"]})
    assert cycle is not None
    assert len(cycle) == CHAIN + 1


@given(graphs())
def test_waves_hold_every_story_once_after_all_it_waits_for(edges: dict[str, list[str]]) -> None:
    waves = topological_waves(edges)
    place = {story: number for number, wave in enumerate(waves) for story in wave}
    assert sorted(place) == sorted(edges)
    assert sum(len(wave) for wave in waves) == len(edges)
    for story, wanted in edges.items():
        assert all(place[before] < place[story] for before in wanted)
        assert place[story] == 1 + max((place[before] for before in wanted), default=-1)


@given(graphs(), st.data())
def test_a_cycle_is_found_exactly_where_there_is_one(
    edges: dict[str, list[str]], data: st.DataObject
) -> None:
    assert find_cycle(edges) is None
    if not edges:
        return
    last = data.draw(st.sampled_from(sorted(edges)))
    first = data.draw(st.sampled_from(sorted(edges)))
    closed = {**edges, first: [*edges[first], last]}
    cycle = find_cycle(closed)
    reaches = first in _waits_for(edges, last) or first == last
    assert (cycle is not None) == reaches
    if cycle is not None:
        assert cycle[0] == cycle[-1]
        assert all(after in closed[before] for before, after in pairwise(cycle))


def _waits_for(edges: dict[str, list[str]], story: str) -> set[str]:
    found: set[str] = set()
    waiting = list(edges[story])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(edges[one])
    return found


def test_dependants_are_the_same_graph_turned_round() -> None:
    assert dependants({"a": [], "b": ["a"], "c": ["a", "a", "ghost"]}) == {"a": ["b", "c"], "b": [], "c": []}
