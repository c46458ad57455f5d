"""What people do to a run while it goes on."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.deps import ClientDep, DatabaseDep
from api.permissions import ActingDep
from api.steering import SteerReply, SteerRequest, give_steer
from paceline.domain.access import needed_to_steer
from paceline.domain.steering import SteerScope

router = APIRouter(prefix="/projects", tags=["steering"])


@router.post("/{project}/steer", operation_id="steer", responses={202: {"model": SteerReply}})
async def steer(
    project: str,
    body: SteerRequest,
    response: Response,
    database: DatabaseDep,
    client: ClientDep,
    acting: ActingDep,
) -> SteerReply:
    """Do it; 202 where no worker runs to take it now, 409 with the reason where it is refused."""
    wish = body.model_copy(update={"actor": acting.named(body.actor), "id": body.id or acting.fresh_id()})
    of = f"a {body.scope.value}" if body.scope is not SteerScope.PROJECT else "a whole run"
    acting.need(needed_to_steer(body.action, body.scope), f"{body.action.value} of {of}")
    reply = await give_steer(database, client, project, wish)
    if reply.state == "sent":
        response.status_code = 202
    return reply
