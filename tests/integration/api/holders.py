"""Applications that need a token, and clients who bring one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest_asyncio
from fastapi import FastAPI
from pydantic import SecretStr
from temporalio.client import Client

from api.main import create_app
from paceline.domain.access import Role
from paceline.domain.audit import AuditEntry
from paceline.settings import Settings
from paceline.store import audit, tokens
from paceline.store.database import Database
from tests.integration.api.allotment import Calls, held_to

OWN = "a-long-random-token"
BASE = "http://paceline.example"


def guarded(settings: Settings, **more: Any) -> Settings:
    """Settings with which everybody needs a token."""
    return settings.model_copy(update={"api_host": "10.0.0.5", "api_token": SecretStr(OWN), **more})


@dataclass
class Door:
    """An application that needs a token."""

    app: FastAPI
    database: Database
    settings: Settings
    stack: AsyncExitStack
    made: dict[str, tokens.Made] = field(default_factory=dict[str, tokens.Made])

    async def holder(self, role: Role, name: str = "", projects: Sequence[str] = ()) -> Calls:
        """A client with a token of this role."""
        name = name or f"the {role.value}"
        made = await self.database.write(tokens.create_token, name, role, "kim", projects)
        self.made[name] = made
        return await self.client(made.secret)

    async def browser(self, name: str) -> Calls:
        """A page that the holder of a token signed in on."""
        calls = await self.client(None)
        reply = await calls.post("/api/v1/session", json={"token": self.made[name].secret})
        assert reply.status_code == 201, reply.text
        calls.headers |= {"X-CSRF-Token": reply.json()["csrf_token"], "Cookie": cookie_of(reply)}
        return calls

    async def client(self, token: str | None) -> Calls:
        """A client with this token, or without one."""
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        hooks = {"response": [held_to(self.app)]}
        calls = httpx2.AsyncClient(transport=transport, base_url=BASE, headers=headers, event_hooks=hooks)
        return await self.stack.enter_async_context(calls)


@asynccontextmanager
async def opened(database: Database, client: Client, settings: Settings) -> AsyncGenerator[Door]:
    """The application, running."""
    app = create_app(database, client, settings)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        yield Door(app, database, settings, stack)


@pytest_asyncio.fixture
async def door(database: Database, no_temporal: Client, settings: Settings) -> AsyncGenerator[Door]:
    """An application that needs a token."""
    async with opened(database, no_temporal, guarded(settings)) as found:
        yield found


def cookie_of(reply: httpx2.Response) -> str:
    """What a browser sends back after a reply; it keeps cookies for HTTPS, which tests do not speak."""
    return "; ".join(each.split(";")[0] for each in reply.headers.get_list("set-cookie"))


async def log_of(database: Database) -> list[AuditEntry]:
    """The audit log, which holds together."""
    assert (await database.read(audit.verify_audit)).breaks == []
    return await database.read(audit.audit_after)
