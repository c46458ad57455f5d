"""The operations of the tag `steering`; written by `scripts/write_client.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from paceline.client.connection import Connection, Json
from paceline.domain.steering import SteerAction


class SteeringOperations(Connection):
    """Calls about steering."""

    async def steer(
        self,
        project: str,
        *,
        action: SteerAction,
        id: str | None = None,
        sprint: str | None = None,
        epic: str | None = None,
        story: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
        agents: Sequence[str] | None = None,
        priority: str | None = None,
        max_parallel: int | None = None,
        now: bool | None = None,
    ) -> Json:
        """Do it; 202 where no worker runs to take it now, 409 with the reason where it is refused."""
        return await self._ask(
            "POST",
            f"/api/v1/projects/{_quoted(project)}/steer",
            Json,
            body={
                "id": id,
                "action": action,
                "sprint": sprint,
                "epic": epic,
                "story": story,
                "actor": actor,
                "reason": reason,
                "agents": agents,
                "priority": priority,
                "max_parallel": max_parallel,
                "now": now,
            },
        )

    async def note_absence(
        self,
        project: str,
        *,
        agent: str,
        id: str | None = None,
        back: bool | None = None,
        wait: bool | None = None,
        until: datetime | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Json:
        """Say that an agent is away, or there again; its stories are moved after that."""
        return await self._ask(
            "POST",
            f"/api/v1/projects/{_quoted(project)}/absences",
            Json,
            body={
                "id": id,
                "agent": agent,
                "back": back,
                "wait": wait,
                "until": until,
                "actor": actor,
                "reason": reason,
            },
        )


def _quoted(value: str | int) -> str:
    return quote(str(value), safe="")
