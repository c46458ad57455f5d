"""Everybody's browser sessions, for admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.permissions import ActingDep
from api.routes.session import SessionsDep
from paceline.domain.sessions import BrowserSession

router = APIRouter(prefix="/sessions", tags=["access"])

Whose = Annotated[str, Query(min_length=1, max_length=320, description="The sessions of this name.")]
MayBe = Annotated[str | None, Query(max_length=320, description="Only the sessions of this name.")]


@router.get("", operation_id="list_sessions")
async def list_sessions(sessions: SessionsDep, name: MayBe = None) -> list[BrowserSession]:
    """The browser sessions that are not over, oldest first."""
    return await sessions.listed(name)


@router.delete("", operation_id="end_sessions")
async def end_sessions(name: Whose, sessions: SessionsDep, acting: ActingDep) -> list[BrowserSession]:
    """End all sessions of a name, and say which they were."""
    return await sessions.end_all_of(name, acting.named("unknown"))


@router.delete("/{session}", operation_id="end_session")
async def end_session(session: str, sessions: SessionsDep, acting: ActingDep) -> BrowserSession:
    """End one session."""
    return await sessions.end(session, acting.named("unknown"))
