"""What people do to a run while it goes on."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.deps import ClientDep, DatabaseDep
from api.steering import SteerReply, SteerRequest, give_steer

router = APIRouter(prefix="/projects", tags=["steering"])


@router.post("/{project}/steer", operation_id="steer", responses={202: {"model": SteerReply}})
async def steer(
    project: str, body: SteerRequest, response: Response, database: DatabaseDep, client: ClientDep
) -> SteerReply:
    """Do it; 202 where no worker runs to take it now, 409 with the reason where it is refused."""
    reply = await give_steer(database, client, project, body)
    if reply.state == "sent":
        response.status_code = 202
    return reply
