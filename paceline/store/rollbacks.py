"""Rollbacks: asked for once, and the states of the stories that they take away and bring back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from paceline.domain import ids
from paceline.domain.rollback import (
    Choice,
    NotedRollback,
    Outcome,
    Rollback,
    RollbackKind,
    RollbackState,
)
from paceline.domain.states import StoryState
from paceline.errors import NotFound
from paceline.store.models import RollbackRow, RunRow, StoryRow, table
from paceline.store.paging import By, Key, paged
from paceline.store.statements import dialect_of, insert_into, now

_ROLLBACKS = table(RollbackRow)
_STORIES = table(StoryRow)


def ask_rollback(
    session: Session,
    project: str,
    kind: RollbackKind,
    target: str,
    asked_by: str,
    confirmed_by: str | None,
    at: datetime,
) -> tuple[Rollback, bool]:
    """Record a rollback that a person wants; the same one, while it is open, is attached to.

    Returns:
        The rollback, and whether it was there before.
    """
    # The run's row keeps two requests from taking one number.
    session.execute(select(RunRow.id).where(RunRow.id == project).with_for_update())
    known = [each for each in rollbacks_of(session, project) if (each.kind, each.target) == (kind, target)]
    if known and known[-1].state is RollbackState.OPEN:
        return known[-1], True
    last = select(func.max(_ROLLBACKS.c.number)).where(_ROLLBACKS.c.project == project)
    number: int = (session.connection().execute(last).scalar_one_or_none() or 0) + 1
    row = _new(project, number, kind, target, asked_by, confirmed_by, at)
    session.connection().execute(_ROLLBACKS.insert(), row)
    return get_rollback(session, project, number), False


def remember_rollback(session: Session, lost: Rollback) -> Rollback:
    """Write down again, as open, a rollback that an older copy of the database does not have.

    Returns:
        What is known of its number by now, which may be another one.
    """
    row = _new(
        lost.project, lost.number, lost.kind, lost.target, lost.asked_by, lost.confirmed_by, lost.asked_at
    )
    insert = insert_into(dialect_of(session), RollbackRow).values(row)
    session.connection().execute(insert.on_conflict_do_nothing(index_elements=["project", "number"]))
    return get_rollback(session, lost.project, lost.number)


def get_rollback(session: Session, project: str, number: int) -> Rollback:
    """One rollback.

    Raises:
        NotFound: there is none of this number.
    """
    return _rollback(_row(session, project, number))


def rollbacks_of(
    session: Session, project: str, limit: int | None = None, after: Key | None = None
) -> list[Rollback]:
    """The rollbacks of a run, oldest first; beyond a number."""
    query = select(_ROLLBACKS).where(_ROLLBACKS.c.project == project)
    query = paged(query, [By(_ROLLBACKS.c.number)], after, limit)
    return [_rollback(row) for row in session.connection().execute(query).mappings()]


def save_preview(session: Session, project: str, number: int, outcomes: Mapping[Choice, Outcome]) -> None:
    """Write down what each choice would change."""
    preview = {choice: each.model_dump(mode="json") for choice, each in outcomes.items()}
    _change(session, project, number, preview=preview)


def preview_of(session: Session, project: str, number: int) -> dict[Choice, Outcome]:
    """What each choice would change, as it was last found out."""
    found: dict[Choice, Any] = _row(session, project, number)["preview"]
    return {choice: Outcome.model_validate(each) for choice, each in found.items()}


def checked_of(session: Session, project: str, number: int) -> dict[str, list[str]]:
    """Failing checks by the tree on which they ran."""
    return dict(_row(session, project, number)["checked"])


def note_checked(session: Session, project: str, number: int, tree: str, failures: Sequence[str]) -> None:
    """Keep what was found out on one tree."""
    known = checked_of(session, project, number) | {tree: list(failures)}
    _change(session, project, number, checked=known)


def note_candidate(session: Session, project: str, number: int, made: NotedRollback) -> None:
    """Write down commits before the branch is moved to the last of them."""
    known: dict[str, Any] = dict(_row(session, project, number)["noted"])
    known[made.tip] = made.model_dump(mode="json")
    _change(session, project, number, noted=known)


def noted_of(session: Session, project: str, number: int) -> dict[str, NotedRollback]:
    """The commits that the branch may have been moved to, by the last of them."""
    found: dict[str, Any] = _row(session, project, number)["noted"]
    # The first version wrote down the commits only.
    return {
        tip: NotedRollback.model_validate({"commits": made} if isinstance(made, list) else made)
        for tip, made in found.items()
    }


def note_question(session: Session, project: str, number: int, question: str | None) -> None:
    """Say which question is open about it."""
    _change(session, project, number, question=question)


def end_rollback(session: Session, project: str, number: int, state: RollbackState, **facts: Any) -> bool:
    """Record how a rollback ended; the first end stays.

    Returns:
        Whether this was the first.
    """
    ended = (
        update(_ROLLBACKS)
        .where(
            _ROLLBACKS.c.project == project,
            _ROLLBACKS.c.number == number,
            _ROLLBACKS.c.state == RollbackState.OPEN.value,
        )
        .values(state=state.value, ended_at=now(dialect_of(session)), **facts)
        .returning(_ROLLBACKS.c.number)
    )
    return session.connection().execute(ended).first() is not None


def mark_reverted(session: Session, project: str, stories: Sequence[str], reason: str) -> list[str]:
    """Merged stories become reverted: the one way out of that state.

    Returns:
        Those that this changed.
    """
    return _mark(session, project, stories, StoryState.MERGED, StoryState.REVERTED, reason, "ROLLED_BACK")


def mark_restored(session: Session, project: str, stories: Sequence[str]) -> list[str]:
    """Reverted stories are merged again.

    Returns:
        Those that this changed.
    """
    return _mark(session, project, stories, StoryState.REVERTED, StoryState.MERGED, None, None)


def _mark(
    session: Session,
    project: str,
    stories: Sequence[str],
    before: StoryState,
    after: StoryState,
    reason: str | None,
    code: str | None,
) -> list[str]:
    change = (
        update(_STORIES)
        .where(_STORIES.c.project == project, _STORIES.c.id.in_(stories), _STORIES.c.state == before.value)
        .values(
            state=after.value,
            reason=reason,
            reason_code=code,
            updated_at=now(dialect_of(session)),
        )
        .returning(_STORIES.c.id)
    )
    changed = set(session.connection().execute(change).scalars())
    return [story for story in stories if story in changed]


def _new(
    project: str,
    number: int,
    kind: RollbackKind,
    target: str,
    asked_by: str,
    confirmed_by: str | None,
    at: datetime,
) -> dict[str, Any]:
    return {
        "project": project,
        "number": number,
        "kind": kind.value,
        "target": target,
        "asked_by": asked_by,
        "confirmed_by": confirmed_by,
        "state": RollbackState.OPEN.value,
        "commits": [],
        "details": {},
        "preview": {},
        "checked": {},
        "noted": {},
        "asked_at": at,
    }


def _change(session: Session, project: str, number: int, **values: Any) -> None:
    change = update(_ROLLBACKS).where(_ROLLBACKS.c.project == project, _ROLLBACKS.c.number == number)
    session.connection().execute(change.values(**values))


def _row(session: Session, project: str, number: int) -> Mapping[str, Any]:
    query = select(_ROLLBACKS).where(_ROLLBACKS.c.project == project, _ROLLBACKS.c.number == number)
    row = session.connection().execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound(f"There is no rollback {number} of {project}.", project=project, rollback=number)
    return dict(row)


def _rollback(row: Mapping[str, Any] | Any) -> Rollback:
    fields = {name: row[name] for name in Rollback.model_fields if name != "id"}
    return Rollback.model_validate({"id": ids.rollback_workflow_id(row["project"], row["number"]), **fields})
