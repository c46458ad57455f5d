"""The merge line of each branch: places in the order of arrival, over all processes.

A place belongs to the claim of a story, or of a rollback. Its landing may be stopped and tried again, also
elsewhere: the number stays, only the holder changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.orm import Session

from paceline.domain.merge_line import Place
from paceline.store.models import BranchHeadRow, ClaimRow, MergePlaceRow, table
from paceline.store.statements import dialect_of, insert_into

_LINE = table(MergePlaceRow)
_HEADS = table(BranchHeadRow)
_CLAIMS = table(ClaimRow)


@dataclass(frozen=True)
class Entry:
    """A place with what has to be landed, and the report once that has ended."""

    place: Place
    landing: str
    step: dict[str, Any]
    report: dict[str, Any] | None = None


@dataclass(frozen=True)
class Joined:
    """What a landing finds when it joins: its own entry, and whether it was here before."""

    mine: Entry
    fresh: bool
    """Nobody tried to land under this claim before, so there can be no merge to find."""


def join_line(
    session: Session, line: str, claim: str, landing: str, step: Mapping[str, Any], holder: str
) -> Joined:
    """Take a place at the end of a line; a repeat of the same landing keeps its place, or finds its report.

    Args:
        session: in a write transaction.
        line: names the branch.
        claim: the story's, or the rollback's.
        landing: names the activity, the same for all its tries.
        step: what to land, in JSON types; that of a rollback names no story.
        holder: names this try.
    """
    _forget_released(session, line, claim)
    known = entry_of(session, line, claim)
    if known is not None and known.landing == landing:
        session.connection().execute(_changing(line, claim).values(holder=holder))
    else:
        values = {
            "line": line,
            "claim": claim,
            "number": _last_number(session, line) + 1,
            "landing": landing,
            "step": dict(step),
            "state": "waiting",
            "report": None,
            "holder": holder,
            "beat": 0,
        }
        insert = insert_into(dialect_of(session), MergePlaceRow).values(values)
        changes = {name: insert.excluded[name] for name in values if name not in ("line", "claim")}
        session.connection().execute(
            insert.on_conflict_do_update(index_elements=["line", "claim"], set_=changes)
        )
    mine = entry_of(session, line, claim)
    assert mine is not None  # noqa: S101 - written a line above; this tells the type checker
    return Joined(mine, known is None)


def leave_line(session: Session, line: str, claim: str, holder: str) -> None:
    """The try of a landing was stopped: others need not wait for it; its place is kept for the next try."""
    session.connection().execute(_changing(line, claim).where(_LINE.c.holder == holder).values(holder=None))


def hold_place(session: Session, line: str, claim: str, holder: str) -> None:
    """Take over a place that nobody holds."""
    session.connection().execute(_changing(line, claim).where(_LINE.c.holder.is_(None)).values(holder=holder))


def end_place(session: Session, line: str, claim: str, landing: str, report: Mapping[str, Any]) -> bool:
    """Write down how a landing ended, for it to find.

    Returns:
        False where the story waits with another landing by now, or this one has ended before.
    """
    ended = _changing(line, claim).where(_LINE.c.landing == landing, _LINE.c.state == "waiting")
    done = session.connection().execute(ended.values(state="ended", report=dict(report)))
    return _count(done) == 1


def waiting_in(session: Session, line: str) -> list[Entry]:
    """Who waits in a line, the oldest first, with places whose landing was stopped."""
    query = select(_LINE).where(_LINE.c.line == line, _LINE.c.state == "waiting").order_by(_LINE.c.number)
    return [_entry(row) for row in session.connection().execute(query).mappings()]


def entries_of(session: Session, line: str) -> list[Entry]:
    """Everything in a line, also what has ended, the oldest first."""
    query = select(_LINE).where(_LINE.c.line == line).order_by(_LINE.c.number)
    return [_entry(row) for row in session.connection().execute(query).mappings()]


def entry_of(session: Session, line: str, claim: str) -> Entry | None:
    """One claim's entry; None where it has none."""
    query = select(_LINE).where(_LINE.c.line == line, _LINE.c.claim == claim)
    row = session.connection().execute(query).mappings().one_or_none()
    return _entry(row) if row is not None else None


def beat(session: Session, line: str, holders: Sequence[str]) -> None:
    """Show that these tries are alive."""
    alive = update(_LINE).where(_LINE.c.line == line, _LINE.c.holder.in_(holders))
    session.connection().execute(alive.values(beat=_LINE.c.beat + 1))


def head_of(session: Session, line: str) -> str | None:
    """Where Paceline last left the branch of a line; None before that was first noted."""
    return (
        session.connection().execute(select(_HEADS.c.head).where(_HEADS.c.line == line)).scalar_one_or_none()
    )


def note_head(session: Session, line: str, head: str) -> None:
    """Write down where Paceline left the branch."""
    insert = insert_into(dialect_of(session), BranchHeadRow).values(line=line, head=head)
    changes = {"head": insert.excluded.head}
    session.connection().execute(insert.on_conflict_do_update(index_elements=["line"], set_=changes))


def begin_head(session: Session, line: str, head: str) -> None:
    """Write down where the branch was found when its sprint began; a repeat changes nothing."""
    insert = insert_into(dialect_of(session), BranchHeadRow).values(line=line, head=head)
    session.connection().execute(insert.on_conflict_do_nothing(index_elements=["line"]))


def _forget_released(session: Session, line: str, besides: str) -> None:
    """Stories that have ended land no more."""
    released = select(_CLAIMS.c.claim).where(_CLAIMS.c.state == "released")
    session.connection().execute(
        delete(_LINE).where(_LINE.c.line == line, _LINE.c.claim != besides, _LINE.c.claim.in_(released))
    )


def _last_number(session: Session, line: str) -> int:
    query = select(func.max(_LINE.c.number)).where(_LINE.c.line == line)
    return session.connection().execute(query).scalar_one_or_none() or 0


def _changing(line: str, claim: str) -> Any:
    return update(_LINE).where(_LINE.c.line == line, _LINE.c.claim == claim)


def _count(done: CursorResult[Any]) -> int:
    return done.rowcount


def _entry(row: Mapping[str, Any] | Any) -> Entry:
    place = Place(
        line=row["line"],
        claim=row["claim"],
        number=row["number"],
        # A rollback's step names none.
        story=row["step"].get("story", ""),
        holder=row["holder"],
        beat=row["beat"],
    )
    return Entry(place, row["landing"], row["step"], row["report"])
