"""Changing the plan of a run that goes on."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException

from api.amendments import amend_run
from api.deps import ClientDep, DatabaseDep
from api.etags import IfMatch
from api.permissions import ActingDep
from api.routes.sprints import PLAN_LIMIT
from paceline.domain.exchange import AmendmentReply, AmendRequest

router = APIRouter(prefix="/projects", tags=["projects"])


@router.post("/{project}/amend", operation_id="amend_plan")
async def amend_plan(
    project: str,
    body: AmendRequest,
    database: DatabaseDep,
    client: ClientDep,
    acting: ActingDep,
    if_match: IfMatch = None,
) -> AmendmentReply:
    """Say what an edited plan changes of a run; with `apply`, all of it or nothing holds from now on."""
    if body.size() > PLAN_LIMIT:
        raise HTTPException(413, f"The plan is larger than {PLAN_LIMIT // 1024} KiB.")
    wish = body.model_copy(update={"actor": acting.named(body.actor), "id": body.id or acting.keyed_id})
    return await amend_run(project, wish, database, client, if_match)
