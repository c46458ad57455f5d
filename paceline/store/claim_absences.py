"""Agents that are away, among the claims of a scope: while such a claim lives nobody else gets the agent.

It is granted whoever holds the agent now; what is under way goes on. The run's workflow holds it, so that a
sweep frees what a run leaves behind that has ended.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from paceline.domain.claims import ClaimRequest, Grant, Need
from paceline.domain.resources import ABSENCE
from paceline.store import claim_steps as steps
from paceline.store.claim_rows import CLAIMS, LIVE_STATES, dump_needs, lock_scope


def hold_absences(session: Session, scope: str, project: str, absent: Mapping[str, int]) -> list[Grant]:
    """Keep everybody from exactly these agents of a run.

    Args:
        session: in a write transaction.
        scope: the world of the run's claims.
        project: the run.
        absent: who is away, with the revision that says so.

    Returns:
        The waiting claims that this granted; their holders have to be told.
    """
    wanted = {_key(project, agent, revision): agent for agent, revision in absent.items()}
    locked = lock_scope(session, scope)
    with steps.changing(locked):
        known = [
            key for key, row in locked.live.items() if key.startswith(ABSENCE) and row.project == project
        ]
        for key, agent in wanted.items():
            if key in locked.live:
                continue
            if any(row.fence == locked.number for row in locked.live.values()):
                locked.raise_counter(locked.number + 1)
            need = Need(resource=f"agent:{project}:{agent}")
            request = ClaimRequest(claim=key, scope=scope, holder=project, project=project, needs=[need])
            if locked.add(request, dump_needs([need]), granted=True):
                row = locked.live[key]
                locked.record("granted", row, row.needs, f"{agent} is away")
        over = [key for key in known if key not in wanted]
        return steps.release(locked, over, "released", "the agent is there again") if over else []


def held_absences(session: Session, project: str) -> set[tuple[str, int]]:
    """Agent and revision of the absences of a run that are held."""
    query = select(CLAIMS.c.claim).where(CLAIMS.c.project == project, CLAIMS.c.state.in_(LIVE_STATES))
    keys = session.connection().execute(query.where(CLAIMS.c.claim.startswith(ABSENCE))).scalars()
    told = (key.removeprefix(_start(project)).split("#", 1) for key in keys)
    return {(agent, int(revision)) for revision, agent in told}


def scope_of_run(session: Session, project: str) -> str | None:
    """The scope in which a run's claims live; None where nobody of it has asked for one."""
    query = select(CLAIMS.c.scope).where(CLAIMS.c.project == project).limit(1)
    return session.connection().execute(query).scalar_one_or_none()


def _key(project: str, agent: str, revision: int) -> str:
    return f"{_start(project)}{revision}#{agent}"


def _start(project: str) -> str:
    return f"{ABSENCE}{project}#"
