"""What could be left out of a late sprint, and what else one could do that is ahead."""

from __future__ import annotations

from paceline.domain.plan import Contingency, Plan, Risk, Source, Sprint, Story
from paceline.domain.scope import (
    Cut,
    ScopeAction,
    ScopeInput,
    ScopeReply,
    advice,
    cuts,
    more_work,
    scope_question,
)
from paceline.domain.states import StoryState
from paceline.domain.status import StoryStatus
from paceline.plans.scope_words import scope_words

EDGES = {"b": ["a"]}
RANKS = {"a": 0, "b": 1, "c": 2, "d": 3}
LATE = "Behind schedule"
AHEAD = "Ahead of schedule"


def rows(**states: StoryState) -> list[StoryStatus]:
    pending = StoryState.PENDING
    return [
        StoryStatus(id=key, title=key, sprint="2" if key == "e" else "1", state=states.get(key, pending))
        for key in "abcde"
    ]


def plan(*entries: Contingency, risks: tuple[Risk, ...] = ()) -> Plan:
    return Plan(
        title="Harbour",
        source=Source(kind="test", lines=1, digest="0" * 64),
        sprints=[Sprint(id="1"), Sprint(id="2")],
        stories=[Story(id=key, title=key) for key in "abcde"],
        contingency=list(entries),
        risks=list(risks),
    )


def proposed(written: Plan, **states: StoryState) -> list[tuple[str, ScopeAction]]:
    found = cuts(written, rows(**states), EDGES, RANKS, "1", scope_words())
    return [(cut.name, cut.action) for cut in found]


def more(written: Plan, edges: dict[str, list[str]], **states: StoryState) -> list[Cut]:
    return more_work(written, rows(**states), edges, RANKS, "1", scope_words())


def test_the_least_urgent_comes_first_and_nothing_that_others_wait_for() -> None:
    assert [name for name, _ in proposed(plan())] == ["d", "c", "b"]
    working = proposed(plan(), d=StoryState.WORKING, b=StoryState.SKIPPED)
    assert [name for name, _ in working] == ["c", "a"]


def test_the_plans_own_options_come_first_and_what_is_for_being_ahead_is_none() -> None:
    written = plan(
        Contingency(name=AHEAD, text="Do d as well, do not defer it", stories=["d"]),
        Contingency(name=LATE, text="Defer c and a", stories=["c", "a"]),
    )
    (only,) = cuts(written, rows(), EDGES, RANKS, "1", scope_words())
    assert only.story == "c"
    assert "Defer c and a" in only.why


def test_a_simpler_story_may_be_waited_for_and_is_not_deferred() -> None:
    written = plan(
        Contingency(name=LATE, text="Defer d or simplify a", stories=["d", "a"]),
        Contingency(name=LATE, text="Simplify b", stories=["b"]),
        Contingency(name=LATE, text="Simplify c: only one colour", stories=["c"]),
    )
    assert proposed(written, b=StoryState.WORKING) == [
        ("d", ScopeAction.DEFER),
        ("simplify a", ScopeAction.SIMPLIFY),
        ("simplify c", ScopeAction.SIMPLIFY),
    ]


def test_entries_in_other_languages_name_stories_by_their_ids() -> None:
    german = plan(Contingency(name="Bei Verzug", text="c verschieben oder d vereinfachen"))
    assert proposed(german) == [("c", ScopeAction.DEFER), ("simplify d", ScopeAction.SIMPLIFY)]
    chinese = plan(Contingency(name="进度落后时", text="推迟 c, 简化 d"))
    assert proposed(chinese) == proposed(german)
    for ahead in ("进度提前时", "Vor dem Plan"):
        extra, later = more(plan(Contingency(name=ahead, text="mehr")), {})
        assert (extra.name, later.name) == ("EXTRA-1", "e")


def test_what_the_plan_says_of_no_story_is_advice() -> None:
    written = plan(
        Contingency(name=LATE, text="Look at what matters most"),
        Contingency(name="People are away", text="Reduce what is done at once"),
        Contingency(name=AHEAD, text="Write more tests"),
        Contingency(name=LATE, text="Defer d"),
    )
    assert advice(written, scope_words()) == [f"{LATE}: Look at what matters most"]


def test_what_else_could_be_done_is_the_plans_word_and_what_is_ready() -> None:
    written = plan(
        Contingency(name=LATE, text="Defer d"),
        Contingency(name=AHEAD, text="Write more tests"),
        risks=(
            Risk(name="We run ahead of schedule", mitigation="Paint the fence"),
            Risk(name="Delays", mitigation="Plan ahead"),
        ),
    )
    found = more(written, {})
    assert [(cut.name, cut.action, cut.text) for cut in found] == [
        ("EXTRA-2", ScopeAction.ADD, "Write more tests"),
        ("EXTRA-3", ScopeAction.ADD, "Paint the fence"),
        ("e", ScopeAction.PULL_IN, ""),
    ]


def test_a_later_story_is_ready_when_all_that_it_waits_for_has_succeeded() -> None:
    assert [cut.story for cut in more(plan(), {"e": ["a"]})] == []
    assert [cut.story for cut in more(plan(), {"e": ["a"]}, a=StoryState.MERGED)] == ["e"]
    named = plan(Contingency(name=AHEAD, text="Begin e", stories=["e"]))
    assert [cut.story for cut in more(named, {"e": ["a"]}, a=StoryState.WORKING)] == ["e"]
    assert more(named, {"e": ["a"]}, a=StoryState.FAILED) == []


def test_a_sprint_that_has_ended_takes_nothing_more() -> None:
    ended = dict.fromkeys("abcd", StoryState.MERGED)
    assert more(plan(), {}, **ended) == []


def test_the_question_says_how_long_it_takes_and_what_can_be_done() -> None:
    start = ScopeInput(project="p", sprint="1", day=2, projected_days=9, planned_days=5)
    found = ScopeReply(
        into="2",
        cuts=[
            Cut(story="d", why="it is least urgent"),
            Cut(story="a", id="simplify a", action=ScopeAction.SIMPLIFY, text="one colour", why="says so"),
        ],
        advice=["Late: look at what matters most"],
    )
    said = scope_question(start, found)
    assert "has 5 days" in said
    assert "takes 9" in said
    assert "move it into 2" in said
    assert "- simplify a: its agent is told these words" in said
    assert "look at what matters most" in said
    ahead = scope_question(start.model_copy(update={"ahead": True, "projected_days": 3}), found)
    assert "as well" in ahead
