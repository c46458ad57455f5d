"""Which criteria a run lacks, and what it says is to be done."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from paceline.domain.completion import STEPS_SHOWN, CompletionFacts, check_completion
from paceline.domain.plan import Plan, Source
from paceline.domain.questions import Question, QuestionKind
from paceline.domain.states import FINAL_STATES, SUCCESS_STATES, StoryState
from paceline.domain.status import CompletionOptions, StoryStatus

PLAN = Plan(title="Harbour", source=Source(kind="test", lines=1, digest="0" * 64))


def story(id: str, state: StoryState = StoryState.MERGED, epic: str = "Epic 1") -> StoryStatus:
    return StoryStatus(id=id, title=id, sprint="Sprint 1", epic=epic, state=state)


def facts(
    *stories: StoryStatus,
    questions: tuple[Question, ...] = (),
    gates: dict[str, bool | None] | None = None,
    running: bool = True,
) -> CompletionFacts:
    return CompletionFacts("harbour", PLAN, stories, questions, gates or {}, running)


def question() -> Question:
    return Question(
        id="q1",
        kind=QuestionKind.TAKE_OVER,
        project="harbour",
        workflow_id="w",
        text="What\nnow?",
        asked_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize("state", StoryState)
def test_by_default_every_story_has_to_succeed(state: StoryState) -> None:
    found = check_completion(facts(story("A"), story("B", state)), CompletionOptions())
    assert found.complete is (state in SUCCESS_STATES)
    assert [criterion.name for criterion in found.criteria] == ["stories"]
    assert found.criteria[0].missing == ([] if found.complete else ["B"])
    assert len(found.next_steps) == (0 if found.complete else 1)


def test_only_what_is_required_counts_where_that_is_said() -> None:
    stories = (story("A"), story("B", StoryState.FAILED, "Epic 2"), story("C", StoryState.FAILED, "Epic 3"))
    required = CompletionOptions(stories=False, require=["Epic 1", "B"])
    found = check_completion(facts(*stories), required)
    assert [(each.name, each.missing) for each in found.criteria] == [("required", ["B"])]
    assert check_completion(facts(*stories), required.model_copy(update={"require": ["A"]})).complete
    assert not check_completion(facts(*stories), CompletionOptions(require=["A"])).complete


def test_what_is_required_and_unknown_is_missing() -> None:
    found = check_completion(facts(story("A")), CompletionOptions(stories=False, require=["A", "Z"]))
    assert not found.complete
    assert found.next_steps == ["Z is required but not in the plan: amend either."]


def test_open_questions_count_only_where_they_are_to() -> None:
    given = facts(story("A"), questions=(question(),))
    assert check_completion(given, CompletionOptions()).complete
    found = check_completion(given, CompletionOptions(no_open_questions=True))
    assert not found.complete
    assert found.next_steps == ["Answer q1: What now?"]


@pytest.mark.parametrize(("holds", "words"), [(None, "Nobody has confirmed"), (False, "does not hold")])
def test_a_definition_of_done_is_to_be_confirmed(holds: bool | None, words: str) -> None:
    options = CompletionOptions(definition_of_done=True)
    found = check_completion(facts(story("A"), gates={"Sprint 1": True, "Sprint 2": holds}), options)
    assert found.criteria[-1].missing == ["Sprint 2"]
    assert words in found.next_steps[0]
    assert check_completion(facts(story("A"), gates={"Sprint 1": True}), options).complete


def test_a_step_is_what_can_be_done_now() -> None:
    failed = story("Story 1.1", StoryState.FAILED)
    going = check_completion(facts(failed), CompletionOptions()).next_steps
    assert going == ['Story 1.1 is failed: `paceline retry harbour --story "Story 1.1"`, or skip it.']
    ended = check_completion(facts(failed, running=False), CompletionOptions()).next_steps
    assert "--rerun" in ended[0]


def test_a_large_run_names_some_and_counts_the_rest() -> None:
    stories = [story(f"S{number}", StoryState.PENDING) for number in range(STEPS_SHOWN + 7)]
    found = check_completion(facts(*stories), CompletionOptions())
    assert len(found.next_steps) == STEPS_SHOWN + 1
    assert found.next_steps[-1] == "And 7 more."
    assert len(found.criteria[0].missing) == STEPS_SHOWN + 7


def test_every_state_that_is_no_success_has_a_step() -> None:
    for state in FINAL_STATES - SUCCESS_STATES | {StoryState.PAUSED, StoryState.WORKING}:
        (step,) = check_completion(facts(story("A", state)), CompletionOptions()).next_steps
        assert step.startswith("A is ")


def test_criteria_that_ask_for_nothing_are_refused() -> None:
    with pytest.raises(ValidationError, match="name something"):
        CompletionOptions(stories=False)
