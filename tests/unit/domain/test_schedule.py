"""Remaining paths, the critical path, ranks, locks, contention and load."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.plan import Agent, Dependency, Epic, File, Plan, Source, Sprint, Story
from paceline.domain.schedule import (
    UNRANKED,
    agent_load,
    contended,
    critical_path,
    lock_contention,
    lock_patterns,
    preview,
    priority_rank,
    remaining_path,
    sprint_places,
)
from tests.unit.domain.test_graph import CHAIN, graphs

DIAMOND: dict[str, list[str]] = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


def a_plan(*stories: Story, epics: list[Epic] | None = None, agents: list[Agent] | None = None) -> Plan:
    source = Source(kind="test", lines=1, digest="")
    return Plan(title="T", source=source, stories=list(stories), epics=epics or [], agents=agents or [])


def test_the_remaining_path_counts_the_story_and_the_longest_way_after_it() -> None:
    points = {"a": 1.0, "b": 5.0, "c": 2.0, "d": 3.0}
    assert remaining_path(DIAMOND, points) == {"a": 9, "b": 8, "c": 5, "d": 3}
    assert critical_path(DIAMOND, points) == ["a", "b", "d"]


def test_a_story_without_points_counts_one_and_a_story_of_none_counts_nothing() -> None:
    assert remaining_path(DIAMOND, {"a": None, "b": 0.0, "d": None}) == {"a": 3, "b": 1, "c": 2, "d": 1}
    assert critical_path(DIAMOND, {"a": None, "b": 0.0, "d": None}) == ["a", "c", "d"]


def test_of_equal_paths_the_first_in_the_plan_is_critical() -> None:
    assert critical_path({"x": [], "y": [], "z": []}, {}) == ["x"]
    assert critical_path({}, {}) == []


@given(graphs(), st.data())
def test_no_chain_is_longer_than_the_critical_path(edges: dict[str, list[str]], data: st.DataObject) -> None:
    amounts = st.none() | st.integers(0, 9).map(float)
    points = {story: data.draw(amounts) for story in edges}
    cost = {story: 1.0 if value is None else value for story, value in points.items()}
    remaining, path = remaining_path(edges, points), critical_path(edges, points)
    assert sum(cost[story] for story in path) == max(remaining.values(), default=0.0)
    for story, wanted in edges.items():
        assert all(remaining[before] >= remaining[story] + cost[before] for before in wanted)
    for before, after in pairwise(path):
        assert before in edges[after]


def test_a_long_chain_weighs_all_of_itself() -> None:
    edges = {f"s{n}": [f"s{n - 1}"] if n else [] for n in range(CHAIN)}
    assert remaining_path(edges, {})["s0"] == CHAIN
    assert len(critical_path(edges, {})) == CHAIN


def test_priorities_are_ranked_and_inherited() -> None:
    words = ["Critical", "P0", "high", "P1", "Medium", "P2 (later)", "LOW", "P3", "someday", None]
    stories = [Story(id=f"s{n}", title="", priority=word) for n, word in enumerate(words)]
    inherited = Story(id="i", title="", epic="E")
    own = Story(id="o", title="", epic="E", priority="Low")
    ranks = priority_rank(a_plan(*stories, inherited, own, epics=[Epic(id="E", title="", priority="High")]))
    assert [ranks[story.id] for story in stories] == [0, 0, 1, 1, 2, 2, 3, 3, UNRANKED, UNRANKED]
    assert (ranks["i"], ranks["o"]) == (1, 3)


def test_a_story_locks_its_files_and_what_its_words_mean() -> None:
    files = [File(path="a.py"), File(path="b.py", new=True), File(path="a.py")]
    both = Story(id="s", title="", files=files, lock_globs=["tests/**"])
    assert lock_patterns(both, a_plan(both)) == ["a.py", "b.py", "tests/**"]
    bare = Story(id="t", title="")
    assert lock_patterns(bare, a_plan(bare)) == []


def test_contention_names_everyone_who_wants_a_path_or_overlaps_a_glob() -> None:
    wanted = {"a": ["x.py"], "b": ["x.py", "tests/test_x.py"], "c": ["tests/**"], "d": ["docs/a.md"]}
    assert [(each.pattern, each.stories) for each in contended(wanted)] == [
        ("x.py", ["a", "b"]),
        ("tests/**", ["c", "b"]),
    ]


def test_the_most_wanted_path_comes_first() -> None:
    stories = [Story(id=f"s{n}", title="", files=[File(path="hot.py")]) for n in range(3)]
    stories[0].files.insert(0, File(path="warm.py"))
    stories[1].files.append(File(path="warm.py"))
    assert [each.pattern for each in lock_contention(a_plan(*stories))] == ["hot.py", "warm.py"]


def test_load_counts_stories_and_points_of_the_whole_team() -> None:
    first = Story(id="s", title="", agents=["Ada", "Bo"], points=3)
    second = Story(id="t", title="", agents=["Ada"])
    loads = agent_load(a_plan(first, second, agents=[Agent(id="Cy"), Agent(id="Ada")]))
    assert [(load.agent, load.stories, load.points) for load in loads] == [
        ("Cy", [], 0),
        ("Ada", ["s", "t"], 3),
        ("Bo", ["s"], 3),
    ]


def test_the_preview_holds_all_of_it() -> None:
    plan = a_plan(Story(id="s", title="", points=2, files=[File(path="a")]), Story(id="t", title=""))
    found = preview(plan)
    assert (found.waves, found.critical_path, found.critical_points) == ([["s", "t"]], ["s"], 2)
    assert (found.agents, found.contention) == ([], [])


def test_waves_are_those_of_the_sprints_one_after_the_other() -> None:
    stories = [
        Story(id="late", title="", sprints=["S2"]),
        Story(id="a", title="", sprints=["S1", "S2"]),
        Story(id="b", title="", dependencies=[Dependency(as_written="a", resolved=["a"])]),
        Story(id="c", title="", sprints=["S2"], dependencies=[Dependency(as_written="b", resolved=["b"])]),
        Story(id="ended", title="", done=True),
        Story(id="d", title="", dependencies=[Dependency(as_written="", resolved=["ended"])]),
    ]
    plan = a_plan(*stories)
    plan.sprints = [Sprint(id="S1"), Sprint(id="S2", optional=True)]
    found = preview(plan)
    assert found.waves == [["a", "d"], ["b"], ["late", "c"]]
    assert [(each.sprint, each.optional, len(each.waves)) for each in found.sprints] == [
        ("S1", False, 2),
        ("S2", True, 1),
    ]
    assert found.done == ["ended"]
    assert found.critical_path == ["a", "b", "c"]


def test_a_story_of_no_sprint_or_an_unknown_one_is_in_the_first() -> None:
    plan = a_plan(Story(id="a", title=""), Story(id="b", title="", sprints=["S9"]))
    assert sprint_places(plan) == {"a": 0, "b": 0}
    assert [each.sprint for each in preview(plan).sprints] == [None]


def test_contention_says_where_it_is_not_complete() -> None:
    files = [[File(path=f"src/*/x{n}*")] for n in range(400)]
    plan = a_plan(*(Story(id=f"s{n}", title="", files=each) for n, each in enumerate(files)))
    found = preview(plan)
    assert not found.contention_complete
    assert preview(a_plan(*plan.stories[:100])).contention_complete
