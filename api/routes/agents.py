"""What each agent does now, and what it did."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter

from api.deps import DatabaseDep, Limit, ProjectFilter
from paceline.domain.status import AgentStatus
from paceline.errors import NotFound
from paceline.store import status

router = APIRouter(prefix="/agents", tags=["agents"])
_NEVER = datetime.min.replace(tzinfo=UTC)


@router.get("/status", operation_id="list_agent_statuses")
async def list_agent_statuses(database: DatabaseDep, project: ProjectFilter = None) -> list[AgentStatus]:
    """Every agent of every project, or of one; DEAD where a heartbeat stopped during work."""
    return await database.read(status.agent_statuses, project)


@router.get("/status/{agent:path}", operation_id="get_agent_status")
async def get_agent_status(agent: str, database: DatabaseDep, project: ProjectFilter = None) -> AgentStatus:
    """One agent; without a project, where it did something last."""
    found = [row for row in await database.read(status.agent_statuses, project) if row.agent == agent]
    if not found:
        raise NotFound(f"No agent is called {agent!r}; GET /api/v1/agents/status lists them.")
    return max(found, key=lambda row: row.updated_at or _NEVER)


@router.get("/status-history/{agent:path}", operation_id="get_agent_history")
async def get_agent_history(
    agent: str, database: DatabaseDep, project: ProjectFilter = None, limit: Limit = 100
) -> list[AgentStatus]:
    """An agent's changes, newest first."""
    history = await database.read(status.agent_history, agent, project, limit)
    if not history:
        raise NotFound(f"No agent is called {agent!r}; GET /api/v1/agents/status lists them.")
    return history
