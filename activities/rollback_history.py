"""The history of a run's branch as rollbacks see it: from git, believed where the database knows it too."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from activities.context import RunContext
from activities.merges import recorded_merge
from paceline.domain.events import Event
from paceline.domain.proof import Proof
from paceline.domain.rollback import START, Boundary, Change, History, Rollback, RollbackCommit, RollbackState
from paceline.errors import ConfigurationError, Conflict
from paceline.store import events, proofs, rollbacks
from paceline.store.database import Database
from paceline.vcs.merge import MadeMerge, merges_between
from paceline.vcs.repository import Repository


async def newest_branch(run: RunContext, repository: Repository) -> tuple[str, str]:
    """The branch that the run's work goes on from, and the commit at which its sprint began.

    A later sprint's branch holds the earlier ones' work, so that what is taken back there is taken back of
    all that follows; the earlier branches stay as what their sprints delivered.

    Raises:
        Conflict: no sprint has a branch yet.
    """
    found: str | None = None
    start = last = run.run.base_commit or ""
    for sprint in run.plan.sprints:
        branch = run.branch(sprint.id)
        head = await repository.resolve(f"refs/heads/{branch}")
        if head is not None:
            found, start, last = branch, (start if found is None else last), head
    if found is None:
        raise Conflict(f"{run.run.id} has no branch yet, so there is nothing to roll back.")
    return found, start


async def load_history(
    database: Database, run: RunContext, repository: Repository, head: str | None = None
) -> History:
    """Read the changes of the newest branch.

    Args:
        database: with the recorded merges and rollbacks.
        run: whose branch.
        repository: where it is.
        head: up to where; None: as the branch is now.

    Raises:
        Conflict: no sprint has a branch yet.
        ConfigurationError: the run has no base commit.
    """
    branch, start = await newest_branch(run, repository)
    base = run.run.base_commit
    if not base:
        raise ConfigurationError(f"Run {run.run.id} has no base commit, so nothing of it can be rolled back.")
    made = await merges_between(repository, base, head or f"refs/heads/{branch}")
    merges, known = await database.read(_recorded, run, made)
    return History(branch, base, start, _changes(made, base, merges, known), tuple(known))


def _recorded(
    session: Session, run: RunContext, made: Iterable[MadeMerge]
) -> tuple[dict[str, str], list[Rollback]]:
    """Story by commit of the merges that were recorded, and the rollbacks."""
    by_claim = {run.workflow_id(story): story for story in run.plan.stories}
    merges: dict[str, str] = {}
    for each in made:
        story = by_claim.get(each.story_workflow_id or "")
        if story is not None and recorded_merge(session, run, story) == each.commit:
            merges[each.commit] = story.id
    return merges, rollbacks.rollbacks_of(session, run.run.id)


def _changes(
    made: Iterable[MadeMerge], base: str, merges: dict[str, str], known: Iterable[Rollback]
) -> list[Change]:
    effects: dict[str, tuple[int, RollbackCommit]] = {
        each.commit: (rollback.number, each)
        for rollback in known
        if rollback.state is RollbackState.MADE
        for each in rollback.commits
    }
    changes: list[Change] = []
    for each in made:
        number, effect = effects.get(each.commit, (None, RollbackCommit(commit=each.commit)))
        changes.append(
            Change(
                commit=each.commit,
                parent=each.parents[0] if each.parents else base,
                story=merges.get(each.commit),
                rollback=number,
                reverts=tuple(effect.reverts),
                restores=tuple(effect.restores),
            )
        )
    return changes


async def boundaries(database: Database, run: RunContext, history: History) -> list[Boundary]:
    """What the branch can be returned to, oldest first."""
    found = await database.read(_facts, run, history)
    standing = set(history.standing())
    first = Boundary(story=START, title="before the first story of the newest sprint", commit=history.start)
    return [first] + [
        Boundary(
            story=story,
            title=run.story(story).title,
            commit=change.commit,
            at=event.at if event else None,
            proved_by=proved,
            standing=story in standing,
        )
        for story, change in history.merges.items()
        for event, proved in [found[story]]
    ]


def _facts(session: Session, run: RunContext, history: History) -> dict[str, tuple[Event | None, list[str]]]:
    facts: dict[str, tuple[Event | None, list[str]]] = {}
    for story, change in history.merges.items():
        event = events.event_of(session, run.run.id, f"{run.workflow_id(run.story(story))}#merge")
        proved = proofs.proofs_of(session, run.run.id, story, change.commit)
        facts[story] = event, list(dict.fromkeys(_prover(each) for each in proved))
    return facts


def _prover(proof: Proof) -> str:
    """Who or what answered for one criterion or check, in a word or two."""
    if proof.by:
        return proof.by
    if proof.command is None:
        return "nobody"
    ran = f"`{proof.command}`"
    return f"{ran} (with others on {proof.tested_on[:12]})" if proof.tested_on else ran
