"""Say that an agent of a run is away, or there again."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, Field
from sqlalchemy.orm import Session
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.absence import team_of, write_absence
from activities.away import keep_those_away
from activities.context import run_now
from api.temporal import RPC_TIMEOUT, TemporalErrors, unavailable
from paceline.contracts import CONTROL_TASK_QUEUE
from paceline.domain import ids
from paceline.domain.absence_steps import AbsenceInput
from paceline.domain.exchange import NAME_LIMIT
from paceline.domain.model import Model
from paceline.domain.states import RunState
from paceline.errors import Conflict, NotFound, Refused
from paceline.store.database import Database
from workflows.absence import AbsenceWorkflow


class AbsenceRequest(Model):
    """What a person says of an agent."""

    id: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Makes it idempotent: the first of an id is done; default: a new one."
    )
    agent: Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)]
    back: bool = Field(default=False, description="It is there again; its stories stay where they are.")
    wait: bool = Field(default=False, description="Its stories wait for it; nobody else takes them.")
    until: AwareDatetime | None = Field(default=None, description="When it will be there again.")
    actor: Annotated[str, Field(min_length=1, max_length=200)] = "unknown"
    reason: str = Field(default="", max_length=2000)


class AbsenceReply(Model):
    """What is being done."""

    id: str
    workflow: str
    """Moves the stories; who took them is in the events `agent.replaced`."""
    agent: str
    message: str


async def note_absence(
    database: Database, client: Client, project: str, wish: AbsenceRequest
) -> AbsenceReply:
    """Write it down and start the workflow that moves the agent's stories; a known id is not done again.

    It is written down before the reply, so that of two words about one agent the later one holds. Should
    nothing start the workflow then, a worker's sweep does.

    Raises:
        NotFound: there is no such run, or it has no such agent.
        Conflict: the run has ended.
        Refused: the agent is to be back in the past.
        ServerUnavailable: Temporal does not answer.
    """
    if wish.until is not None and wish.until <= datetime.now(UTC):
        raise Refused(
            f"{wish.until.isoformat()} is over; say when {wish.agent} will be back, or leave it out."
        )
    absence = AbsenceInput(
        id=wish.id or uuid.uuid4().hex,
        project=project,
        agent=wish.agent,
        back=wish.back,
        wait=wish.wait,
        until=wish.until,
        actor=wish.actor,
        note=wish.reason,
    )
    await database.write(_write, absence)
    name = ids.absence_workflow_id(project, wish.agent, absence.id)
    try:
        await client.start_workflow(
            AbsenceWorkflow.run,
            absence,
            id=name,
            task_queue=CONTROL_TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            rpc_timeout=RPC_TIMEOUT,
        )
    except WorkflowAlreadyStartedError:
        pass
    except TemporalErrors as error:
        raise unavailable(error, "it is written down, and the agent's stories follow later") from error
    return AbsenceReply(id=absence.id, workflow=name, agent=wish.agent, message=_message(absence))


def _message(absence: AbsenceInput) -> str:
    if absence.back:
        return f"{absence.agent} is there again; stories that were moved stay with who has them."
    if absence.wait:
        return f"{absence.agent} is away, and its stories wait for it."
    return f"{absence.agent} is away; its stories go to others, or a person is asked."


def _write(session: Session, absence: AbsenceInput) -> None:
    project, agent = absence.project, absence.agent
    run = run_now(session, project)
    state = run.run.state
    if state is not RunState.RUNNING:
        raise Conflict(f"Run {project} has already ended: it is {state}.", state=state.value)
    known = team_of(run, (), ()).declared
    if agent not in known:
        raise NotFound(f"Run {project} has no agent {agent}; it has {', '.join(sorted(known)[:20])}.")
    write_absence(session, absence)
    if not absence.back:
        # From now on nobody begins; that it is back is carried out, and told, by the workflow.
        keep_those_away(session, project)
