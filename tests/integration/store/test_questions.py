"""Questions, and the first answer to each."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from paceline.domain.questions import Decision
from paceline.errors import Conflict, NotFound
from paceline.store.database import Database
from paceline.store.questions import (
    get_question,
    list_questions,
    open_question,
    record_answer,
    withdraw_questions,
)
from tests.integration.store.samples import MOMENT, a_question, an_answer


def test_a_question_is_asked_once(database: Database) -> None:
    asked = database.write_now(open_question, a_question("q", context={"commit": "c0ffee"}, story="1.1"))
    assert asked == a_question("q", context={"commit": "c0ffee"}, story="1.1")
    assert database.write_now(open_question, a_question("q", text="Otherwise?")) == asked
    assert database.read_now(get_question, "q") == asked


def test_the_first_answer_wins(database: Database) -> None:
    database.write_now(open_question, a_question("q"))
    first = database.write_now(record_answer, "q", an_answer("q"))
    assert (first.accepted, first.decision, first.actor) == (True, Decision.APPROVE, "ada")
    assert database.write_now(record_answer, "q", an_answer("q")) == first
    late = database.write_now(record_answer, "q", an_answer("q", Decision.REJECT, "bob"))
    assert (late.accepted, late.decision, late.actor) == (False, Decision.APPROVE, "ada")
    stored = database.write_now(open_question, a_question("q"))
    assert (stored.state, stored.answer) == ("answered", an_answer("q"))
    assert stored.answered_at is not None


async def test_one_answer_is_first_under_concurrency(any_database_url: str) -> None:
    databases = [Database(any_database_url) for _ in range(2)]
    try:
        databases[0].write_now(open_question, a_question("q"))
        answers = [an_answer("q", actor=f"person-{number}") for number in range(20)]
        receipts = await asyncio.gather(
            *(
                databases[number % 2].write(record_answer, "q", answer)
                for number, answer in enumerate(answers)
            )
        )
        accepted = [receipt.actor for receipt in receipts if receipt.accepted]
        assert len(accepted) == 1
        assert {receipt.actor for receipt in receipts} == set(accepted)
        stored = databases[1].read_now(get_question, "q").answer
        assert stored is not None
        assert stored.actor == accepted[0]
    finally:
        for database in databases:
            database.close()


def test_a_withdrawn_question_takes_no_answer(database: Database) -> None:
    for number, workflow in enumerate(["w", "w", "other"]):
        asked_at = MOMENT + timedelta(seconds=number)
        database.write_now(open_question, a_question(f"q{number}", workflow_id=workflow, asked_at=asked_at))
    database.write_now(record_answer, "q1", an_answer("q1"))
    assert database.write_now(withdraw_questions, "w") == ["q0"]
    assert database.write_now(withdraw_questions, "w") == []
    with pytest.raises(Conflict):
        database.write_now(record_answer, "q0", an_answer("q0"))
    with pytest.raises(NotFound):
        database.write_now(record_answer, "nobody asked", an_answer("q0"))
    assert [question.state for question in database.read_now(list_questions, None, None)] == [
        "withdrawn",
        "answered",
        "open",
    ]


def test_lists_by_project_and_state(database: Database) -> None:
    for number, project in enumerate("ppq"):
        database.write_now(open_question, a_question(f"q{number}", project=project))
    database.write_now(record_answer, "q0", an_answer("q0"))
    assert [each.id for each in database.read_now(list_questions)] == ["q1", "q2"]
    assert [each.id for each in database.read_now(list_questions, "p", None)] == ["q0", "q1"]
    assert [each.id for each in database.read_now(list_questions, "p", "answered")] == ["q0"]
    assert len(database.read_now(list_questions, None, None, 1)) == 1
