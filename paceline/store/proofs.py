"""Who or what proved each criterion and check of a story, on which commit."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from paceline.domain.proof import Proof
from paceline.store.models import ProofRow
from paceline.store.paging import By, Key, paged
from paceline.store.statements import dialect_of, insert_into

_ORDER = (
    By(ProofRow.story),
    By(ProofRow.attempt),
    By(ProofRow.at),
    By(ProofRow.commit),
    By(ProofRow.kind, True),
    By(ProofRow.number),
)
_KEY = ("project", "story", "commit", "kind", "number")


def save_proofs(session: Session, found: Sequence[Proof]) -> None:
    """Write down proofs; a later one for the same criterion and commit replaces the earlier."""
    for proof in found:
        values = proof.model_dump(mode="json", exclude={"at"}) | {"at": proof.at}
        insert = insert_into(dialect_of(session), ProofRow).values(values)
        changes = {name: insert.excluded[name] for name in values if name not in _KEY}
        session.execute(insert.on_conflict_do_update(index_elements=_KEY, set_=changes))


def proofs_of(
    session: Session,
    project: str,
    story: str | None = None,
    commit: str | None = None,
    limit: int | None = None,
    after: Key | None = None,
) -> list[Proof]:
    """The proofs of a project, or of one story or commit of it: by story and time, criteria before checks.

    Args:
        session: any transaction.
        project: the run.
        story, commit, limit: None: any.
        after: what the proof before the first is ordered by, as `proof_key` says.
    """
    query = paged(select(ProofRow).where(ProofRow.project == project), _ORDER, after, limit)
    if story is not None:
        query = query.where(ProofRow.story == story)
    if commit is not None:
        query = query.where(ProofRow.commit == commit)
    return [_proof(row) for row in session.execute(query).scalars()]


def proof_key(proof: Proof) -> Key:
    """What the list is ordered by."""
    return (proof.story, proof.attempt, proof.at, proof.commit, proof.kind, proof.number)


def _proof(row: ProofRow) -> Proof:
    return Proof.model_validate({name: getattr(row, name) for name in Proof.model_fields})
