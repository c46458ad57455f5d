"""Bring an edited plan to the run that follows it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection

from sqlalchemy.orm import Session
from temporalio.client import (
    Client,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError

from activities.amending import compared
from api.etags import changed, check_match, plan_etag
from api.start_checks import EVERY_AGENT, read_and_check, refuse_errors, sentence_of
from api.temporal import TemporalErrors, is_not_found, unavailable, update_workflow
from paceline.domain.amendment import Amendment
from paceline.domain.amendment_steps import Amend, AmendReply, AmendStep
from paceline.domain.changes import plan_digest
from paceline.domain.exchange import AmendmentReply, AmendRequest
from paceline.domain.plan import Plan
from paceline.domain.states import RunState, StoryState
from paceline.errors import AmendmentRefused, ConfigurationError, Conflict, ServerUnavailable
from paceline.store import changes, runs, status
from paceline.store.database import Database

UPDATE_SECONDS = 60.0
"""How long a person waits until the run follows the plan."""


async def amend_run(
    project: str, request: AmendRequest, database: Database, client: Client, if_match: str | None = None
) -> AmendmentReply:
    """Say what an edited plan changes of a run and, if that is asked for, make the run follow it.

    Raises:
        NotFound: there is no such run.
        Conflict: it has ended.
        PlanError: the edited plan has errors.
        ConfigurationError: the run has no declaration for one of its agents.
        PreconditionFailed: its plan is not any more the one of `if_match`.
        AmendmentRefused: something of it cannot be, and it was to be applied; nothing was changed.
        ServerUnavailable: Temporal, or the run's worker, does not answer.
    """
    run = await database.read(runs.get_run, project)
    if run.state is not RunState.RUNNING:
        raise Conflict(
            f"Run {project} has ended ({run.state}), so its plan cannot change; start the edited plan as a "
            "new run.",
            state=run.state.value,
        )
    plan, text, findings = await asyncio.to_thread(read_and_check, request)
    refuse_errors(findings)
    _refuse_unknown_agents(plan, run.options.agents | run.options.spare)
    digest = await database.write(runs.save_plan, plan, text)
    known = await database.read(changes.latest_revision, project)
    base = await database.read(_base, project, request.id, if_match) if if_match is not None else ""
    amend = Amend(
        id=request.id or _identity(digest, request, known),
        digest=digest,
        renames=request.renames,
        base=base,
        actor=request.actor,
        reason=request.reason,
    )
    amendment, revision = await database.read(_look, AmendStep(project=project, amend=amend))
    warnings = [sentence_of(finding) for finding in findings]
    if not request.apply or (amendment.is_empty and not amendment.refusals):
        return AmendmentReply(
            project=project, applied=False, revision=revision, amendment=amendment, warnings=warnings
        )
    reply = await _update(client, project, amend)
    if reply.overtaken:
        raise changed(f"The plan of {project}", await database.read(_etag, project))
    if reply.refusals:
        raise AmendmentRefused(
            f"The plan of {project} was not amended: {reply.refusals[0]}", refusals=list(reply.refusals)
        )
    return AmendmentReply(
        project=project, applied=True, revision=reply.revision, amendment=amendment, warnings=warnings
    )


def _etag(session: Session, project: str) -> str:
    run, _, made = changes.run_in_force(session, project)
    return plan_etag(run, made)


def _base(session: Session, project: str, id: str | None, if_match: str) -> str:
    """The digest of the plan in force, which the caller has seen; none where this amendment was made before.

    Raises:
        PreconditionFailed: the caller has seen another.
    """
    run, _, made = changes.run_in_force(session, project)
    if id is not None and any(each.key == f"amend:{id}" for each in made):
        return ""
    check_match(if_match, plan_etag(run, made), f"The plan of {project}")
    return plan_digest(run.plan_digest, made)


def _look(session: Session, step: AmendStep) -> tuple[Amendment, int]:
    """What would change by the stories' states now; the run's workflow looks again when it applies it."""
    step.ended_sprints = ended_sprints(session, step.project)
    return compared(session, step)[0], changes.latest_revision(session, step.project)


def ended_sprints(session: Session, project: str) -> list[str]:
    """The sprints after which another has begun, in the plan's order."""
    _, plan, _ = changes.run_in_force(session, project)
    begun = {
        row.sprint for row in status.story_statuses(session, project) if row.state is not StoryState.PENDING
    }
    order = [sprint.id for sprint in plan.sprints]
    last = max((order.index(key) for key in begun if key in order), default=0)
    return order[:last]


def _identity(digest: str, request: AmendRequest, revision: int) -> str:
    """One name for a plan on the run as it is; going back to an earlier plan is another request."""
    renames = "\n".join(f"{old}={new}" for old, new in sorted(request.renames.items()))
    return hashlib.sha256(f"{digest}\n{revision}\n{renames}".encode()).hexdigest()[:32]


def _refuse_unknown_agents(plan: Plan, declared: Collection[str]) -> None:
    names = [name for story in plan.stories for name in story.agents]
    missing = [name for name in dict.fromkeys(names) if name not in declared]
    if missing and EVERY_AGENT not in declared:
        raise ConfigurationError(
            f"The run was started without a declaration for {', '.join(missing)}; give these stories to "
            "agents that it has, or start the edited plan as a new run.",
            agents=missing,
        )


async def _update(client: Client, project: str, amend: Amend) -> AmendReply:
    try:
        async with asyncio.timeout(UPDATE_SECONDS):
            return await update_workflow(client, project, "amend", amend, AmendReply)
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
        raise ServerUnavailable(
            f"No worker took the amended plan of {project} in {UPDATE_SECONDS:g} s; it may be taken when one "
            "runs. Send it again to see."
        ) from error
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        raise Conflict(cause.message if isinstance(cause, ApplicationError) else str(cause)) from error
    except TemporalErrors as error:
        if is_not_found(error):
            raise Conflict(f"Run {project} has ended in Temporal, so its plan cannot change.") from error
        raise unavailable(error, "the plan was not amended, try again") from error
