"""Messages to people outside: what became of them, and sending them again."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api.deps import DatabaseDep, ProjectFilter
from api.paging import MOMENT_TEXT, PageOf200
from api.permissions import ActingDep
from paceline.domain.notifications import Notification
from paceline.store import notifications

router = APIRouter(prefix="/notifications", tags=["notifications"])

StateFilter = Annotated[
    Literal["waiting", "sent", "dead"] | None, Query(description="Only those in this state.")
]


@router.get("", operation_id="list_notifications")
async def list_notifications(
    database: DatabaseDep,
    acting: ActingDep,
    page: PageOf200,
    project: ProjectFilter = None,
    state: StateFilter = None,
) -> list[Notification]:
    """Messages, newest first, with how often each was tried and why it did not arrive."""
    after = page.after(MOMENT_TEXT)
    found = await database.read(
        notifications.list_notifications, project, state, page.fetch, acting.within, after
    )
    return page.cut(found, lambda message: (message.made_at, message.id))


@router.post("/{notification}/redeliver", operation_id="redeliver_notification")
async def redeliver(notification: str, database: DatabaseDep, acting: ActingDep) -> Notification:
    """Send one again that was sent or given up; its receiver knows it by its id."""
    found = (await database.write(notifications.redeliver, [notification], acting.within))[0]
    acting.about(found.project)
    return found
