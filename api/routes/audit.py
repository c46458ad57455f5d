"""The audit log, for admins: read and verified, never changed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import HIGHEST, DatabaseDep, ProjectFilter
from api.paging import PageOf200
from paceline.domain.audit import AuditCheck, AuditEntry
from paceline.store import audit

router = APIRouter(prefix="/audit", tags=["access"])

After = Annotated[int, Query(ge=0, le=HIGHEST, description="Number of the last entry that is known.")]


@router.get("", operation_id="list_audit")
async def list_audit(
    database: DatabaseDep, page: PageOf200, after: After = 0, project: ProjectFilter = None
) -> list[AuditEntry]:
    """Every request to change something after a number, oldest first."""
    found = await database.read(audit.audit_after, page.number(after), page.most, project)
    return page.cut(found, lambda entry: (entry.number,))


@router.get("/check", operation_id="check_audit")
async def check_audit(database: DatabaseDep) -> AuditCheck:
    """Look at the whole chain, and say where it does not hold."""
    return await database.read(audit.verify_audit)
