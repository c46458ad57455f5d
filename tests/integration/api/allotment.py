"""A small plan and what tests of the API do with it."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI
from sqlalchemy.orm import Session

from paceline.domain.events import EventDraft, EventType
from paceline.domain.questions import Question, QuestionKind
from paceline.domain.states import AgentState
from paceline.domain.status import Run, StoryStatus
from paceline.plans.reader import read_plan
from paceline.store import events, runs, status
from paceline.store.database import Database
from tests.integration.api.declared import undeclared

PLAN = """\
# Sprint Plan: Tend the Allotment

## Sprint Overview
**Duration**: 1 week
**Goal**: Every bed is planted before the frost
**Team**: 2 agents

## Agent Team Composition

### 1. Digger Agent
- **Role**: Turn the soil

### 2. Planter Agent
- **Role**: Put seeds into beds

## Sprint Backlog

### Epic 1: Beds
**Priority**: High
**Dependencies**: None
**Estimated Points**: 5

#### Story 1.1: Dig the beds
- **Agent**: Digger
- **Points**: 3
- **Tasks**:
  - Turn the soil of each bed
- **Acceptance Criteria**:
  - No stone is larger than a fist
- **Files Modified**: `beds.txt`

#### Story 1.2: Sow the beans
- **Agent**: Planter
- **Points**: 2
- **Dependencies**: Story 1.1
- **Tasks**:
  - Sow one row a bed
- **Acceptance Criteria**:
  - Each bed has a row
- **Files Modified**: `beans.txt`
"""
SIMULATED = {"agents": {"*": {"kind": "simulated"}}}

Calls = httpx2.AsyncClient


@asynccontextmanager
async def calling(app: FastAPI, **headers: str) -> AsyncGenerator[Calls]:
    """A client of the application, whose lifespan runs meanwhile."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(
            transport=transport,
            base_url="http://127.0.0.1:8420",
            headers=headers,
            event_hooks={"response": [held_to(app)]},
        ) as calls,
    ):
        yield calls


def held_to(app: FastAPI) -> Callable[[httpx2.Response], Awaitable[None]]:
    """Holds every reply that a test gets to what the application declares."""

    async def check(reply: httpx2.Response) -> None:
        kind = reply.headers.get("content-type", "")
        body: dict[str, Any] = {}
        if kind == "application/problem+json":
            await reply.aread()
            body = reply.json()
        request = reply.request
        wrong = undeclared(app.openapi(), request.method, request.url.path, reply.status_code, kind, body)
        assert wrong is None, wrong

    return check


def git(repository: Path, *arguments: str) -> str:
    """Run git as somebody."""
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")
    done = subprocess.run(
        ["git", "-C", str(repository), *identity, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@dataclass(frozen=True)
class Recorded:
    """A run that is in the database and nowhere else."""

    run: Run
    database: Database

    async def happen(self, *names: str) -> None:
        """Append one event for each name."""
        drafts = [
            EventDraft(key=name, type=EventType.WORKFLOW_EVENT, name=name, data={"of": self.run.id})
            for name in names
        ]
        await self.database.write(events.append_events, self.run.id, drafts)


def a_question(question: str, workflow_id: str = "allotment/sprint/epic/1.1") -> Question:
    """An open question about the first story."""
    return Question(
        id=question,
        kind=QuestionKind.APPROVE_MERGE,
        project="allotment",
        workflow_id=workflow_id,
        story="Story 1.1",
        text="Merge the beds?",
        asked_at=datetime(2026, 11, 21, 10, tzinfo=UTC),
    )


Record = Callable[..., Awaitable[Recorded]]


def write_run(session: Session, run: Run) -> Run:
    plan = read_plan(PLAN, "plan.md")
    digest = runs.save_plan(session, plan, PLAN)
    stored = runs.create_run(session, run.model_copy(update={"plan_digest": digest}))
    sprint = plan.sprints[0].id
    rows = [
        StoryStatus(id=story.id, title=story.title, epic=story.epic, sprint=sprint, agents=story.agents)
        for story in plan.stories
    ]
    status.plan_stories(session, run.id, rows)
    for story in plan.stories:
        status.set_agent(session, run.id, story.agents[0], AgentState.IDLE)
    return stored
