"""Preserved work expires where a repository says after how many days: that of runs that ended so long ago.

Nothing expires by default. A run that goes on keeps all it has, and so does one that this database does not
know.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from activities.context import ActivityContext
from paceline.domain import ids
from paceline.domain.events import EventDraft, EventType
from paceline.domain.states import RunState
from paceline.errors import NotFound, PacelineError
from paceline.store import events, runs
from paceline.vcs.options import read_worktree_options
from paceline.vcs.preserved import PreservedWork, expire, list_preserved
from paceline.vcs.repository import Repository

_SHOWN = 100

log = logging.getLogger(__name__)


async def expire_preserved(context: ActivityContext, now: datetime | None = None) -> int:
    """Remove the preserved work that is old enough, in every repository that this database has runs of.

    Args:
        context: the services of this process.
        now: the time to compare with; None: now.

    Returns:
        How many attempts' work was removed.
    """
    gone = 0
    for place in await context.database.read(runs.repositories):
        try:
            gone += await _expire_in(context, Path(place), now or datetime.now(UTC))
        except PacelineError as error:
            # Such as a repository that is gone: others need not wait for it.
            log.info("no preserved work of %s is looked at now: %s", place, error)
    return gone


async def _expire_in(context: ActivityContext, place: Path, now: datetime) -> int:
    options = await asyncio.to_thread(read_worktree_options, place)
    if options.keep_preserved_days is None:
        return 0
    repository = await Repository.open(place)
    limit = now - timedelta(days=options.keep_preserved_days)
    works = [work for work in await list_preserved(repository) if work.at <= limit]
    over = await context.database.read(_over, {work.project for work in works}, str(place), limit)
    old = {project: [work for work in works if work.project == project] for project in sorted(over)}
    for project, mine in old.items():
        # Told first: whoever is killed in between finds the same work again, and tells it as the same event.
        await context.database.write(_tell, project, mine, options.keep_preserved_days)
        await expire(repository, mine)
        log.info("preserved work of %d attempts of %s expired", len(mine), project)
    return sum(map(len, old.values()))


def _over(session: Session, projects: set[str], place: str, limit: datetime) -> set[str]:
    """The runs of this repository that ended before a time; others may have had the same names elsewhere."""
    found: set[str] = set()
    for project in projects:
        try:
            run = runs.get_run(session, project)
        except NotFound:
            continue
        ended = run.state is not RunState.RUNNING and run.ended_at is not None and run.ended_at <= limit
        if ended and run.repository == place:
            found.add(project)
    return found


def _tell(session: Session, project: str, works: Sequence[PreservedWork], days: int) -> None:
    names = sorted(f"{work.story} attempt {work.attempt}" for work in works)
    mark = ids.short_digest(" ".join(sorted(f"{work.ref} {work.commit}" for work in works)))
    draft = EventDraft(
        key=f"{project}#work-expired#{mark}",
        type=EventType.WORKFLOW_EVENT,
        name="work.expired",
        data={
            "reason": f"{len(works)} attempts' preserved work, older than {days} days",
            "attempts": names[:_SHOWN],
            "count": len(works),
            "days": days,
        },
    )
    events.append_events(session, project, [draft])
