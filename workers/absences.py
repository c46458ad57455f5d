"""Finding agents that are lost without anybody saying so: silent ones, and those that only fail.

A heartbeat is stale when this process has seen it stand still for long enough. Neither a machine that slept
nor a worker that just started takes everybody else for dead: only time counts in which it watched.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime

from sqlalchemy.orm import Session
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.absence import written_absence
from activities.away import is_out_of_date, keep_those_away
from activities.context import ActivityContext
from paceline.contracts import CONTROL_TASK_QUEUE
from paceline.domain import ids
from paceline.domain.absence_steps import AbsenceInput
from paceline.domain.changes import ChangeKind, RunChange
from paceline.domain.questions import QuestionKind
from paceline.domain.replacing import absent_agents, failing_agents
from paceline.domain.states import AgentState, RunState
from paceline.domain.status import LostAgents, Run
from paceline.store import changes, questions, runs, status
from paceline.store.statements import read_clock

_MOST_RUNS = 1000

log = logging.getLogger(__name__)


class AbsenceWatch:
    """What one process has seen of the agents of all runs."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context
        self._seen: dict[tuple[str, str], tuple[datetime, float]] = {}
        """By run and agent: its newest heartbeat, and when this process saw it first, in seconds."""
        self._known: set[tuple[str, str, str]] = set()
        """Run, agent and id of the absences that have a workflow."""

    async def look(self) -> list[str]:
        """Start the workflow of every absence that is found now.

        Returns:
            The ids of the workflows that were started.
        """
        found: list[AbsenceInput] = []
        for run in await self._context.database.read(runs.list_runs, _MOST_RUNS, RunState.RUNNING):
            found += await self._context.database.read(_written, run)
            if await self._context.database.read(is_out_of_date, run.id):
                # An absence is over, or its agent's heartbeat came back.
                await self._context.tell(await self._context.database.write(keep_those_away, run.id))
            if run.options.lost_agents is not LostAgents.WAIT:
                found += await self._silent(run)
                found += await self._context.database.read(_failing, run)
        started: list[str | None] = []
        for each in found:
            key = (each.project, each.agent, each.id)
            if key not in self._known:
                started.append(await start_absence(self._context, each))
                self._known.add(key)
        return [each for each in started if each is not None]

    async def _silent(self, run: Run) -> list[AbsenceInput]:
        limit, now = self._context.settings.agent_lost_after, time.monotonic()
        working, away = await self._context.database.read(_working, run.id)
        lost: list[AbsenceInput] = []
        for agent, beat in working.items():
            last, first = self._seen.get((run.id, agent), (beat, now))
            if last != beat:
                first = now
            self._seen[run.id, agent] = (beat, first)
            if now - first >= limit and agent not in away:
                lost.append(
                    AbsenceInput(
                        project=run.id, id=f"silent-{beat:%Y%m%dT%H%M%S%f}", agent=agent, reason="silent"
                    )
                )
        for key in [key for key in self._seen if key[0] == run.id and key[1] not in working]:
            del self._seen[key]
        return lost


async def start_absence(context: ActivityContext, absence: AbsenceInput) -> str | None:
    """Start the workflow of an absence; None where it was started before."""
    name = ids.absence_workflow_id(absence.project, absence.agent, absence.id)
    try:
        await context.client.start_workflow(
            "absence",
            absence,
            id=name,
            task_queue=CONTROL_TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )
    except WorkflowAlreadyStartedError:
        return None
    log.warning("agent %s of %s is lost: %s", absence.agent, absence.project, absence.reason)
    return name


def _words(session: Session, project: str) -> list[RunChange]:
    """What was said of who is away; a run may have thousands of other changes."""
    return changes.changes_of(session, project, ChangeKind.AWAY)


def _written(session: Session, run: Run) -> list[AbsenceInput]:
    """Absences that hold; who wrote one down may have died before its workflow was started."""
    away = absent_agents(_words(session, run.id), read_clock(session), {})
    return [written_absence(each) for each in away.values()]


def _working(session: Session, project: str) -> tuple[dict[str, datetime], frozenset[str]]:
    """The newest heartbeats of the agents that work, and who is away already."""
    rows = status.agent_statuses(session, project, dead_after=0.0)
    alive = (AgentState.WORKING, AgentState.DEAD)
    beats = {row.agent: row.last_heartbeat for row in rows if row.last_heartbeat is not None}
    working = {row.agent: beats[row.agent] for row in rows if row.state in alive and row.agent in beats}
    return working, frozenset(absent_agents(_words(session, project), read_clock(session), beats))


def _failing(session: Session, run: Run) -> list[AbsenceInput]:
    limit = run.options.lost_after_failures
    if not limit:
        return []
    asked = questions.list_questions(session, run.id, limit=10_000)
    waiting = {each.story for each in asked if each.story and each.kind is QuestionKind.TAKE_OVER}
    found = failing_agents(status.story_statuses(session, run.id), waiting, limit)
    away = absent_agents(_words(session, run.id), read_clock(session), {})
    return [
        AbsenceInput(
            project=run.id,
            id=f"failing-{ids.short_digest(' '.join(stories))}",
            agent=agent,
            reason="failing",
            note=f"failed {len(stories)} stories in a row: {', '.join(stories[:20])}",
        )
        for agent, stories in found.items()
        if agent not in away
    ]
