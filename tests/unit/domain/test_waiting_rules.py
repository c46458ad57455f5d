"""Reminders and escalation: one step at a time, however long nobody looked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from paceline.domain.questions import QuestionKind
from paceline.domain.waiting_rules import LONGEST_PAUSE, Patience, Pressing, QuestionOptions, Watch

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = 3600.0


def at(hours: float) -> datetime:
    """So many hours after noon."""
    return NOON + timedelta(hours=hours)


def followed(patience: Patience) -> list[tuple[float, Pressing]]:
    """The first ten steps of who looks always at once: hours after noon, and what is done."""
    found: list[tuple[float, Pressing]] = []
    while (due := patience.next_at()) is not None and len(found) < 10:
        patience, what = patience.step(due)
        found.append(((due - NOON).total_seconds() / HOUR, what))
    return found


def test_reminders_come_at_pauses_that_double() -> None:
    steps = followed(Patience.begun(Watch(remind_after=HOUR), NOON))
    assert [hours for hours, _ in steps[:5]] == [1, 3, 7, 15, 31]
    assert {what for _, what in steps} == {Pressing.REMIND}


def test_a_pause_between_reminders_has_an_end() -> None:
    patience = Patience.begun(Watch(remind_after=HOUR), NOON)
    for _ in range(200):
        due = patience.next_at()
        assert due is not None
        patience, _ = patience.step(due)
    assert patience.pause == LONGEST_PAUSE


def test_each_deadline_tells_the_next_and_the_last_one_ends_in_waiting() -> None:
    steps = followed(Patience.begun(Watch(deadline=2 * HOUR, escalation=["lead", "owner"]), NOON))
    assert steps == [(2, Pressing.ESCALATE), (4, Pressing.ESCALATE), (6, Pressing.OVERDUE)]


def test_who_is_told_is_reminded_from_the_beginning() -> None:
    steps = followed(Patience.begun(Watch(remind_after=HOUR, deadline=4 * HOUR, escalation=["lead"]), NOON))
    assert steps[:5] == [
        (1, Pressing.REMIND),
        (3, Pressing.REMIND),
        (4, Pressing.ESCALATE),
        (5, Pressing.REMIND),
        (7, Pressing.REMIND),
    ]


def test_a_machine_that_was_off_over_everything_makes_one_step() -> None:
    patience = Patience.begun(Watch(remind_after=HOUR, deadline=4 * HOUR, escalation=["a", "b"]), NOON)
    patience, what = patience.step(at(100))
    assert (what, patience.escalated, patience.next_at()) == (Pressing.ESCALATE, 1, at(101))
    assert patience.deadline == at(104)


def test_missed_reminders_are_one_reminder() -> None:
    patience, what = Patience.begun(Watch(remind_after=HOUR), NOON).step(at(1000))
    assert (what, patience.reminders, patience.next_at()) == (Pressing.REMIND, 1, at(1002))


def test_overdue_is_said_once_and_reminders_go_on() -> None:
    patience, what = Patience.begun(Watch(remind_after=HOUR, deadline=HOUR), NOON).step(at(1))
    assert (what, patience.overdue) == (Pressing.OVERDUE, True)
    assert {each for _, each in followed(patience)} == {Pressing.REMIND}


def test_a_kind_may_have_a_rule_of_its_own() -> None:
    options = QuestionOptions.model_validate(
        {"remind_after": "10m", "escalation": ["lead"], "kinds": {"take_over": {"deadline": "1h"}}}
    )
    assert options.watch(QuestionKind.APPROVE_MERGE) == Watch(remind_after=600, escalation=["lead"])
    assert options.watch(QuestionKind.TAKE_OVER) == Watch(
        remind_after=600, deadline=3600, escalation=["lead"]
    )
    assert QuestionOptions().watch(QuestionKind.TAKE_OVER) is None
    assert QuestionOptions(escalation=["lead"]).watch(QuestionKind.TAKE_OVER) is None


@pytest.mark.parametrize("written", ["soon", "-1s", "0", "inf", "1e9d"])
def test_what_is_no_length_is_refused(written: str) -> None:
    with pytest.raises(ValidationError):
        QuestionOptions.model_validate({"deadline": written})
