"""What each agent does now, and what it did."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy.orm import Session

from api.deps import DatabaseDep, ProjectFilter
from api.paging import NUMBER, TEXTS, AnyPage, PageOf100
from api.permissions import ActingDep
from paceline.domain.events import EventDraft, EventType
from paceline.domain.exchange import NAME_LIMIT
from paceline.domain.model import Model
from paceline.domain.states import AgentState, RunState, StoryState
from paceline.domain.status import AgentStatus
from paceline.errors import Conflict, NotFound
from paceline.store import events, runs, status
from paceline.store.scopes import Within

router = APIRouter(prefix="/agents", tags=["agents"])
StatesFilter = Annotated[list[AgentState] | None, Query(description="Only those in one of these states.")]
_NEVER = datetime.min.replace(tzinfo=UTC)
_OCCUPIED = (StoryState.WORKING, StoryState.VERIFYING, StoryState.MERGING, StoryState.WAITING_FOR_PERSON)
"""States of a story in which its agents' states are not left over."""


class ResetRequest(Model):
    """Who resets an agent, and why."""

    project: Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)] | None = Field(
        default=None, description="The run; default: where the agent did something last."
    )
    actor: Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)] = "unknown"
    reason: str = Field(default="", max_length=2000)


@router.get("/status", operation_id="list_agent_statuses")
async def list_agent_statuses(
    database: DatabaseDep,
    acting: ActingDep,
    page: AnyPage,
    project: ProjectFilter = None,
    state: StatesFilter = None,
) -> list[AgentStatus]:
    """Every agent of every project, or of one; DEAD where a heartbeat stopped during work."""
    wanted: dict[str, Any] = {"states": state or (), "limit": page.fetch, "after": page.after(TEXTS)}
    found = await database.read(status.agent_statuses, project, within=acting.within, **wanted)
    return page.cut(found, lambda agent: (agent.project, agent.agent))


@router.get("/status/{agent:path}", operation_id="get_agent_status")
async def get_agent_status(
    agent: str, database: DatabaseDep, acting: ActingDep, project: ProjectFilter = None
) -> AgentStatus:
    """One agent; without a project, where it did something last."""
    return await database.read(_newest, agent, project, acting.within)


@router.post("/status/{agent:path}/reset", operation_id="reset_agent")
async def reset_agent(
    agent: str, body: ResetRequest, database: DatabaseDep, acting: ActingDep
) -> AgentStatus:
    """Make an agent IDLE whose state is left over, as after an error; not one that does a story."""
    wish = body.model_copy(update={"actor": acting.named(body.actor)})
    found = await database.write(_reset, agent, wish, acting.within)
    acting.about(found.project)
    return found


@router.get("/status-history/{agent:path}", operation_id="get_agent_history")
async def get_agent_history(
    agent: str,
    database: DatabaseDep,
    acting: ActingDep,
    page: PageOf100,
    project: ProjectFilter = None,
) -> list[AgentStatus]:
    """An agent's changes, newest first."""
    after = page.after(NUMBER)
    history = await database.read(status.agent_changes, agent, project, page.fetch, acting.within, after)
    if not history and after is None:
        raise NotFound(f"No agent is called {agent!r}; GET /api/v1/agents/status lists them.")
    return [change for _, change in page.cut(history, lambda each: each[:1])]


def _newest(session: Session, agent: str, project: str | None, within: Within) -> AgentStatus:
    rows = status.agent_statuses(session, project, within=within)
    found = [row for row in rows if row.agent == agent]
    if not found:
        raise NotFound(f"No agent is called {agent!r}; GET /api/v1/agents/status lists them.")
    return max(found, key=lambda row: row.updated_at or _NEVER)


def _reset(session: Session, agent: str, body: ResetRequest, within: Within) -> AgentStatus:
    now = _newest(session, agent, body.project, within)
    run = runs.get_run(session, now.project)
    if run.state is RunState.RUNNING:
        _refuse_with_story(session, run.id, agent)
    if now.state is AgentState.IDLE:
        return now
    told = EventDraft(
        key=f"{run.id}#agent#{agent}#reset#{events.last_number(session, run.id)}",
        type=EventType.AGENT_STATUS_CHANGE,
        name="agent.status",
        actor=body.actor,
        data={
            "agent": agent,
            "state": AgentState.IDLE.value,
            "story": None,
            "was": now.state.value,
            "reason": body.reason,
        },
    )
    changed = status.set_agent(session, run.id, agent, AgentState.IDLE)
    events.append_events(session, run.id, [told])
    return changed


def _refuse_with_story(session: Session, project: str, agent: str) -> None:
    for row in status.story_statuses(session, project):
        if agent in row.agents and row.state in _OCCUPIED:
            raise Conflict(
                f"{agent} has {row.id} of {project}, which is {row.state.value}; pause, reassign or cancel "
                "that story, or say that the agent is away.",
                story=row.id,
            )
