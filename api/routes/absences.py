"""Agents that are away."""

from __future__ import annotations

from fastapi import APIRouter

from api.absences import AbsenceReply, AbsenceRequest, note_absence
from api.deps import ClientDep, DatabaseDep
from api.permissions import ActingDep

router = APIRouter(prefix="/projects", tags=["steering"])


@router.post("/{project}/absences", operation_id="note_absence", status_code=202)
async def absence(
    project: str, body: AbsenceRequest, database: DatabaseDep, client: ClientDep, acting: ActingDep
) -> AbsenceReply:
    """Say that an agent is away, or there again; its stories are moved after that."""
    wish = body.model_copy(update={"actor": acting.named(body.actor), "id": body.id or acting.fresh_id()})
    return await note_absence(database, client, project, wish)
