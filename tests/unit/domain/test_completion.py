"""Which criteria a run lacks, and what it says is to be done."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from paceline.domain.completion import STEPS_SHOWN, CompletionFacts, check_completion
from paceline.domain.plan import Plan, Source
from paceline.domain.questions import Option, Question, QuestionKind
from paceline.domain.stands import Stands
from paceline.domain.states import FINAL_STATES, SUCCESS_STATES, RunState, StoryState
from paceline.domain.status import CompletionOptions, Pause, StoryStatus
from paceline.domain.steering import SteerScope
from paceline.domain.texts import short

PLAN = Plan(title="Harbour", source=Source(kind="test", lines=1, digest="0" * 64))


def story(id: str, state: StoryState = StoryState.MERGED, epic: str = "Epic 1") -> StoryStatus:
    return StoryStatus(id=id, title=id, sprint="Sprint 1", epic=epic, state=state)


def facts(
    *stories: StoryStatus,
    questions: tuple[Question, ...] = (),
    gates: dict[str, bool | None] | None = None,
    running: bool = True,
) -> CompletionFacts:
    return CompletionFacts("harbour", PLAN, Stands.of(stories), questions, gates or {}, running)


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
    assert found.next_steps == ["Answer q1 with `paceline answer q1 ...`: What now?"]


@pytest.mark.parametrize(("holds", "words"), [(None, "Nobody has confirmed"), (False, "does not hold")])
def test_a_definition_of_done_is_to_be_confirmed(holds: bool | None, words: str) -> None:
    options = CompletionOptions(definition_of_done=True)
    found = check_completion(facts(story("A"), gates={"Sprint 1": True, "Sprint 2": holds}), options)
    assert found.criteria[-1].missing == ["Sprint 2"]
    assert words in found.next_steps[0]
    assert check_completion(facts(story("A"), gates={"Sprint 1": True}), options).complete


def test_a_step_is_what_can_be_done_now() -> None:
    failed, beside = story("Story 1.1", StoryState.FAILED), story("Story 1.2", StoryState.WORKING)
    going = check_completion(facts(failed, beside), CompletionOptions()).next_steps
    assert going[:1] == ['Story 1.1 is failed: `paceline retry harbour --story "Story 1.1"`, or skip it.']
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


def _asked(kind: QuestionKind, **fields: object) -> Question:
    return question().model_copy(update={"kind": kind, **fields})


def test_a_story_that_a_question_speaks_of_needs_its_answer() -> None:
    carry = _asked(QuestionKind.CARRY_OVER, options=[Option(name="A")])
    found = check_completion(facts(story("A", StoryState.FAILED), questions=(carry,)), CompletionOptions())
    assert found.next_steps[0] == "A is failed: answer q1 with `paceline answer q1 ...`."
    waits = story("A", StoryState.WAITING_FOR_PERSON)
    asked = _asked(QuestionKind.APPROVE_MERGE, story="A")
    found = check_completion(facts(waits, questions=(asked,)), CompletionOptions())
    assert found.next_steps[0] == "A is waiting for person: answer q1 with `paceline answer q1 ...`."


@pytest.mark.parametrize("state", [StoryState.FAILED, StoryState.BLOCKED, StoryState.CANCELLED])
def test_nothing_starts_again_in_an_epic_that_has_ended(state: StoryState) -> None:
    (step,) = check_completion(facts(story("A", state)), CompletionOptions()).next_steps
    assert "its epic has ended" in step
    assert "paceline retry" not in step


@pytest.mark.parametrize(
    ("scope", "target", "command"),
    [
        (SteerScope.PROJECT, "harbour", "`paceline resume harbour`"),
        (SteerScope.SPRINT, "Sprint 1", '`paceline resume harbour --sprint "Sprint 1"`'),
        (SteerScope.EPIC, "Epic 1", '`paceline resume harbour --sprint "Sprint 1" --epic "Epic 1"`'),
        (SteerScope.STORY, "A", "`paceline resume harbour --story A`"),
    ],
)
def test_what_is_paused_is_to_be_resumed_where_it_was_paused(
    scope: SteerScope, target: str, command: str
) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    pause = Pause(scope=scope, target=target, sprint="Sprint 1", actor="ada", since=since)
    given = replace(facts(story("A", StoryState.PENDING)), pauses=[pause])
    (step,) = check_completion(given, CompletionOptions()).next_steps
    assert step == f"A is pending: {command} lets it go on."


def test_a_run_that_ended_otherwise_is_not_complete_and_says_why() -> None:
    given = replace(
        facts(story("A"), story("B", StoryState.BLOCKED), running=False),
        ended=RunState.INCOMPLETE,
        end_reason="ada did not accept Sprint 1: not good",
    )
    found = check_completion(given, CompletionOptions())
    assert not found.complete
    assert found.criteria[0].missing == ["ada did not accept Sprint 1: not good"]
    assert "did not accept Sprint 1: not good: start its plan again with `--rerun`" in found.next_steps[0]
    assert found.next_steps[1] == "B is blocked: the run has ended; start its plan again with `--rerun`."


def test_what_a_person_called_complete_is_so_whatever_it_lacks() -> None:
    given = replace(facts(story("A", StoryState.FAILED), running=False), forced=True)
    found = check_completion(replace(given, ended=RunState.COMPLETED), CompletionOptions())
    assert (found.complete, found.next_steps, found.criteria[0].met) == (True, [], False)


@pytest.mark.parametrize(("waiting", "complete"), [(0, True), (2, False)])
def test_a_question_about_metrics_counts_only_while_something_waits_for_it(
    waiting: int, complete: bool
) -> None:
    asked = _asked(QuestionKind.MEASURE_METRICS, waiting=waiting)
    found = check_completion(facts(story("A"), questions=(asked,)), CompletionOptions(no_open_questions=True))
    assert found.complete is complete


def test_a_long_text_is_cut_at_a_word() -> None:
    assert short("one two three", 13) == "one two three"
    assert short("one two three", 12) == "one two…"
    assert short("one  two three", 8) == "one two…"
    assert short("onetwothree", 5) == "onet…"
