"""What has to hold for a story, which commands run for it, and whom the rest is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.gates import Gate, gate_items, gate_question, gates_of, readiness
from paceline.domain.plan import Item, Plan, Source, Sprint, Story
from paceline.domain.proof import (
    Advice,
    CriteriaPolicy,
    claims_of,
    commands_of,
    open_criteria,
    undecided,
)

COMMANDS = st.sampled_from(["make", "test -f a", "true", "pytest -q"])
ITEMS = st.builds(Item, text=st.text(min_size=1, max_size=5), command=st.none() | COMMANDS)
STORIES = st.builds(
    Story,
    id=st.just("1"),
    title=st.just("T"),
    acceptance_criteria=st.lists(ITEMS, max_size=4),
    tasks=st.lists(ITEMS, max_size=3),
    checks=st.lists(COMMANDS, max_size=3),
    files=st.just([]),
)


@given(STORIES, st.lists(COMMANDS, max_size=3))
def test_every_command_is_run_once_and_answers_for_everything_that_names_it(
    story: Story, defaults: list[str]
) -> None:
    claimed = claims_of(story, defaults)
    commands = commands_of(claimed, story)
    assert len(commands) == len(set(commands))
    assert set(commands) == {*story.proofs(), *defaults}
    assert {each.command for each in claimed if each.command} == set(commands)
    criteria = [each for each in claimed if each.kind == "criterion"]
    assert [each.text for each in criteria] == [item.text for item in story.acceptance_criteria]
    for kind in ("criterion", "check"):
        numbers = [each.number for each in claimed if each.kind == kind]
        assert numbers == list(range(1, len(numbers) + 1))


@given(STORIES, st.lists(st.builds(Advice, number=st.integers(1, 5), met=st.booleans()), max_size=5))
def test_a_reviewer_never_answers_for_what_it_doubts_or_leaves_out(
    story: Story, advice: list[Advice]
) -> None:
    left = open_criteria(claims_of(story))
    assert undecided(left, CriteriaPolicy.PERSON, advice) == left
    assert undecided(left, CriteriaPolicy.RECORD, advice) == []
    asked = undecided(left, CriteriaPolicy.REVIEWER, advice)
    met = {each.number for each in advice if each.met}
    assert {each.number for each in asked} == {each.number for each in left} - met


def a_plan(**fields: object) -> Plan:
    return Plan.model_validate(
        {"title": "P", "source": Source(kind="k", lines=1, digest="d").model_dump(), **fields}
    )


def test_a_sprints_own_definition_of_done_holds_beside_the_plans() -> None:
    first = Sprint(id="Sprint 1", definition_of_done=[Item(text="shown")])
    plan = a_plan(sprints=[first, Sprint(id="Sprint 2")], definition_of_done=[Item(text="tested")])
    assert [item.text for item in gate_items(plan, "Sprint 1", Gate.DONE)] == ["tested", "shown"]
    assert [item.text for item in gate_items(plan, "Sprint 2", Gate.DONE)] == ["tested"]
    assert gates_of(plan, "Sprint 2") == [Gate.DONE]
    assert gates_of(a_plan(), "Sprint 1") == []


@pytest.mark.parametrize(("failed", "left"), [([], []), ([Item(text="f")], []), ([], [Item(text="l")])])
def test_a_gate_asks_only_where_something_failed_or_is_open(failed: list[Item], left: list[Item]) -> None:
    text = gate_question("Sprint 1", Gate.DONE, [Item(text="p", command="true")], failed, left, ["a fact"])
    assert bool(text) == bool(failed or left)
    assert ("Failed:\n- f" in text) == bool(failed)
    assert ("Nobody proved:\n- l" in text) == bool(left)


def test_readiness_counts_what_stories_lack() -> None:
    stories = [Story(id="A", title="a", points=1), Story(id="B", title="b", agents=["Ada"])]
    assert readiness(stories) == [
        "2 of 2 stories have no acceptance criteria: A, B",
        "1 of 2 stories have no points: B",
        "1 of 2 stories have no agent: A",
    ]
