"""Keeping the stories of agents that are away from their claims, and letting them go when it is over."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from activities.announcing import announce
from paceline.domain.changes import ChangeKind, RunChange
from paceline.domain.claims import Grant
from paceline.domain.replacing import absent_agents
from paceline.store import changes, claim_absences, status
from paceline.store.statements import read_clock


def who_is_away(session: Session, project: str, changed: Sequence[RunChange]) -> dict[str, RunChange]:
    """Who of a run is away now; asks the database for nothing where nobody ever was.

    Args:
        session: any transaction.
        project: the run.
        changed: its changes, at least those that say who is away.
    """
    if not any(change.kind is ChangeKind.AWAY for change in changed):
        return {}
    rows = status.agent_statuses(session, project)
    beats = {row.agent: row.last_heartbeat for row in rows if row.last_heartbeat is not None}
    return absent_agents(changed, read_clock(session), beats)


def keep_away(session: Session, project: str, changed: Sequence[RunChange], scope: str = "") -> list[Grant]:
    """Let nobody begin with an agent that is away, and let those go on whose agent is there again.

    Args:
        session: in a write transaction.
        project: the run.
        changed: its changes, at least those that say who is away.
        scope: of its claims; empty: where they are found. A run without any has nobody who waits, and its
            first claim comes by here.

    Returns:
        The claims that this granted, announced; their holders have to be told.
    """
    if not any(change.kind is ChangeKind.AWAY for change in changed):
        return []
    world = scope or claim_absences.scope_of_run(session, project)
    if world is None:
        return []
    away = {agent: change.revision for agent, change in who_is_away(session, project, changed).items()}
    grants = claim_absences.hold_absences(session, world, project, away)
    announce(session, grants)
    return grants


def keep_those_away(session: Session, project: str) -> list[Grant]:
    """`keep_away` by the run's newest changes."""
    return keep_away(session, project, changes.changes_of(session, project, ChangeKind.AWAY))


def is_out_of_date(session: Session, project: str) -> bool:
    """Whether the claims of a run know other absences than there are."""
    changed = changes.changes_of(session, project, ChangeKind.AWAY)
    if not changed:
        return False
    away = who_is_away(session, project, changed)
    held = claim_absences.held_absences(session, project)
    return held != {(agent, change.revision) for agent, change in away.items()} and (
        claim_absences.scope_of_run(session, project) is not None
    )
