"""Whether a run is complete: how far it is, what is missing, and a person's word that it is done."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.deps import ClientDep, DatabaseDep
from api.permissions import ActingDep
from api.steering import SteerReply, SteerRequest, give_steer
from paceline.domain.completion import CompletionCheck
from paceline.domain.exchange import CheckRequest, Completion, ForceRequest, PartDone
from paceline.domain.states import FINAL_STATES, SUCCESS_STATES
from paceline.domain.status import StoryStatus
from paceline.domain.steering import SteerAction
from paceline.store import completion, status

router = APIRouter(prefix="/projects", tags=["completion"])


@router.get("/{project}/completion", operation_id="get_completion")
async def get_completion(project: str, database: DatabaseDep) -> Completion:
    """How far the run is, derived from its stories, and what is missing."""
    found = await database.read(status.project_status, project)
    check = await database.read(completion.look, project)
    return Completion(
        project=project,
        state=found.run.state,
        complete=check.complete,
        percent=found.percent,
        counts=found.counts,
        removed=found.removed,
        end_reason=found.end_reason,
        epics=_parts(found.stories, "epic"),
        sprints=_parts(found.stories, "sprint"),
        criteria=check.criteria,
        next_steps=check.next_steps,
    )


@router.post("/{project}/check-completion", operation_id="check_completion")
async def check_completion(
    project: str, database: DatabaseDep, acting: ActingDep, body: CheckRequest | None = None
) -> CompletionCheck:
    """Look at the criteria again; changes nothing but an event that says what was found."""
    wish = body or CheckRequest()
    actor = acting.named(wish.actor)
    return await database.write(completion.check, project, wish.criteria, actor, acting.fresh_id())


@router.post(
    "/{project}/force-complete", operation_id="force_complete", responses={202: {"model": SteerReply}}
)
async def force_complete(
    project: str,
    body: ForceRequest,
    response: Response,
    database: DatabaseDep,
    client: ClientDep,
    acting: ActingDep,
) -> SteerReply:
    """Complete the run as it is: what has not ended counts as done; the log keeps who said so, and why."""
    actor = acting.named(body.actor)
    id = body.id or acting.fresh_id()
    wish = SteerRequest(id=id, action=SteerAction.FORCE_COMPLETE, actor=actor, reason=body.reason)
    reply = await give_steer(database, client, project, wish)
    if reply.state == "sent":
        response.status_code = 202
    return reply


def _parts(stories: list[StoryStatus], field: str) -> dict[str, PartDone]:
    parts: dict[str, PartDone] = {}
    for story in (each for each in stories if not each.removed):
        part = parts.setdefault(getattr(story, field) or "", PartDone(succeeded=0, ended=0, total=0))
        part.total += 1
        part.ended += story.state in FINAL_STATES
        part.succeeded += story.state in SUCCESS_STATES
    return parts
