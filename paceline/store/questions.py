"""Questions to people, and the first answer to each."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from paceline.domain import ids
from paceline.domain.questions import Answer, AnswerReceipt, Decision, Question, QuestionKind
from paceline.errors import Conflict, NotFound
from paceline.store.models import QuestionRow
from paceline.store.paging import By, Key, paged
from paceline.store.scopes import Within, is_within
from paceline.store.statements import dialect_of, insert_into, now


def open_question(session: Session, question: Question) -> Question:
    """Ask; a known id is the question that was asked first.

    Returns:
        The stored question, which may be answered already.
    """
    row = {
        **question.model_dump(exclude={"answer", "kind"}),
        "kind": question.kind.value,
        "decision": question.answer.decision.value if question.answer else None,
        "answer_text": question.answer.text if question.answer else None,
        "actor": question.answer.actor if question.answer else None,
        "chosen": question.answer.chosen if question.answer else [],
    }
    statement = insert_into(dialect_of(session), QuestionRow).values(row).on_conflict_do_nothing()
    session.execute(statement)
    return get_question(session, question.id)


def record_answer(session: Session, question_id: str, answer: Answer) -> AnswerReceipt:
    """Record an answer, unless there is one.

    Returns:
        Accepted for the first answer, also when it is given again; otherwise who answered first, and how.

    Raises:
        NotFound: there is no such question.
        Conflict: the question was withdrawn.
    """
    first = (
        update(QuestionRow)
        .where(QuestionRow.id == question_id, QuestionRow.state == "open")
        .values(
            state="answered",
            decision=answer.decision.value,
            answer_text=answer.text,
            actor=answer.actor,
            chosen=answer.chosen,
            answered_at=now(dialect_of(session)),
        )
        .returning(QuestionRow.id)
        .execution_options(synchronize_session=False)
    )
    accepted = session.execute(first).first() is not None
    stored = answer
    if not accepted:
        stored = get_question(session, question_id).answer
        if stored is None:
            raise Conflict(
                f"Question {question_id} was withdrawn and needs no answer; see the story's status.",
                question=question_id,
            )
        accepted = answer == stored
    return AnswerReceipt(
        question=question_id,
        accepted=accepted,
        decision=stored.decision,
        actor=stored.actor,
        chosen=stored.chosen,
    )


def press_question(session: Session, question_id: str, **changes: Any) -> Question | None:
    """Note that people were reminded of an open question, or others were told.

    Args:
        session: in a write transaction.
        question_id: its id.
        changes: new values of `reminders`, `escalated`, `deadline` or `overdue`.

    Returns:
        The question as it is now; None where it is not open any more.
    """
    noted = (
        update(QuestionRow)
        .where(QuestionRow.id == question_id, QuestionRow.state == "open")
        .values(**changes)
        .returning(QuestionRow.id)
        .execution_options(synchronize_session=False)
    )
    if session.execute(noted).first() is None:
        return None
    return get_question(session, question_id)


def withdraw_questions(session: Session, workflow_id: str) -> list[str]:
    """Take back what a workflow still asks.

    Returns:
        The ids of the questions that this withdrew, in the order they were asked.
    """
    withdrawn = (
        update(QuestionRow)
        .where(QuestionRow.workflow_id == workflow_id, QuestionRow.state == "open")
        .values(state="withdrawn")
        .returning(QuestionRow.id, QuestionRow.asked_at)
        .execution_options(synchronize_session=False)
    )
    rows = sorted(session.execute(withdrawn).all(), key=lambda row: (row.asked_at, row.id))
    return [row.id for row in rows]


def asking_beside(session: Session, project: str) -> list[str]:
    """The workflows beside a run that wait for an answer: about lost agents and the like."""
    query = select(QuestionRow.workflow_id).where(
        QuestionRow.project == project,
        QuestionRow.state == "open",
        QuestionRow.workflow_id.startswith(f"{project}@", autoescape=True),
    )
    return sorted(set(session.scalars(query)))


def answered_options(session: Session, project: str, kind: QuestionKind, beside: str) -> set[str]:
    """What people were offered, and answered, by workflows beside a run.

    Args:
        session: any transaction.
        project: the run.
        kind: of the questions.
        beside: how the ids of the workflows begin.
    """
    query = select(QuestionRow.options).where(
        QuestionRow.project == project,
        QuestionRow.state == "answered",
        QuestionRow.kind == kind.value,
        QuestionRow.workflow_id.startswith(beside, autoescape=True),
    )
    return {option["name"] for options in session.scalars(query) for option in options}


def withdraw_beside(session: Session, project: str) -> None:
    """Take back what workflows beside a run still ask, but what can be said of a run that has ended."""
    for workflow_id in asking_beside(session, project):
        if not workflow_id.startswith(ids.measures_workflow_id(project, "")):
            withdraw_questions(session, workflow_id)


def get_question(session: Session, id: str, within: Within = None) -> Question:
    """The question of this id.

    Raises:
        NotFound: there is none, or it is of another project.
    """
    query = select(QuestionRow).where(QuestionRow.id == id).execution_options(populate_existing=True)
    if within is not None:
        query = query.where(is_within(QuestionRow.project, within))
    row = session.execute(query).scalar_one_or_none()
    if row is None:
        raise NotFound(f"There is no question {id}; `paceline questions` lists them.", question=id)
    return to_question(row)


def is_known(session: Session, id: str) -> bool:
    """Whether a question of this id was ever asked, as far as this database knows."""
    return session.execute(select(QuestionRow.id).where(QuestionRow.id == id)).first() is not None


def list_questions(
    session: Session,
    project: str | None = None,
    state: str | None = "open",
    limit: int | None = 200,
    within: Within = None,
    *,
    kind: QuestionKind | None = None,
    story: str | None = None,
    after: Key | None = None,
) -> list[Question]:
    """Questions of a project or of all, in one state or in any, oldest first, for who sees these projects.

    Args:
        session: any transaction.
        project, state, limit, within, kind, story: None: any.
        after: time and id of the question before the first.
    """
    order = (By(QuestionRow.asked_at), By(QuestionRow.id))
    query = paged(select(QuestionRow), order, after, limit)
    if kind is not None:
        query = query.where(QuestionRow.kind == kind.value)
    if story is not None:
        query = query.where(QuestionRow.story == story)
    if project is not None:
        query = query.where(QuestionRow.project == project)
    if state is not None:
        query = query.where(QuestionRow.state == state)
    if within is not None:
        query = query.where(is_within(QuestionRow.project, within))
    return [to_question(row) for row in session.execute(query).scalars()]


def count_open(session: Session, project: str) -> int:
    """How many questions of a project wait for an answer."""
    query = select(func.count()).where(QuestionRow.project == project, QuestionRow.state == "open")
    return session.execute(query).scalar_one()


def to_question(row: QuestionRow) -> Question:
    """A question from its row."""
    answer = None
    if row.decision is not None:
        answer = Answer(
            question=row.id,
            decision=Decision(row.decision),
            text=row.answer_text or "",
            actor=row.actor or "unknown",
            chosen=row.chosen,
        )
    known = {name: getattr(row, name) for name in Question.model_fields.keys() - {"kind", "answer"}}
    return Question(**known, kind=QuestionKind(row.kind), answer=answer)
