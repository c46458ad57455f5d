"""The operations of the tag `agents`; written by `scripts/write_client.py`."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from paceline.client.connection import Connection, Page
from paceline.domain.states import AgentState
from paceline.domain.status import AgentStatus


class AgentsOperations(Connection):
    """Calls about agents."""

    async def list_agent_statuses(
        self,
        *,
        project: str | None = None,
        state: Sequence[AgentState] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[AgentStatus]:
        """Every agent of every project, or of one; DEAD where a heartbeat stopped during work."""
        return await self._ask(
            "GET",
            "/api/v1/agents/status",
            list[AgentStatus],
            query={"project": project, "state": state, "limit": limit, "cursor": cursor},
        )

    async def get_agent_status(self, agent: str, *, project: str | None = None) -> AgentStatus:
        """One agent; without a project, where it did something last."""
        return await self._ask(
            "GET", f"/api/v1/agents/status/{_quoted(agent)}", AgentStatus, query={"project": project}
        )

    async def reset_agent(
        self, agent: str, *, project: str | None = None, actor: str | None = None, reason: str | None = None
    ) -> AgentStatus:
        """Make an agent IDLE whose state is left over, as after an error; not one that does a story."""
        return await self._ask(
            "POST",
            f"/api/v1/agents/status/{_quoted(agent)}/reset",
            AgentStatus,
            body={"project": project, "actor": actor, "reason": reason},
        )

    async def get_agent_history(
        self, agent: str, *, project: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Page[AgentStatus]:
        """An agent's changes, newest first."""
        return await self._ask(
            "GET",
            f"/api/v1/agents/status-history/{_quoted(agent)}",
            list[AgentStatus],
            query={"project": project, "limit": limit, "cursor": cursor},
        )


def _quoted(value: str | int) -> str:
    return quote(str(value), safe="")
