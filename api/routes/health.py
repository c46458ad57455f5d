"""Whether the process answers, and whether it can work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from importlib.metadata import version

from fastapi import APIRouter, Response
from sqlalchemy import text
from sqlalchemy.orm import Session
from temporalio.client import Client

from api.deps import ClientDep, DatabaseDep, SettingsDep
from paceline.domain.exchange import Health, Readiness
from paceline.store import migrate
from paceline.store.database import Database

router = APIRouter(tags=["health"])
LIMIT_SECONDS = 5.0


@router.get("/health", operation_id="get_health")
async def get_health() -> Health:
    """The process answers; nothing else is asked."""
    return Health(version=version("paceline"))


@router.get("/ready", operation_id="get_readiness", responses={503: {"model": Readiness}})
async def get_readiness(
    response: Response, database: DatabaseDep, client: ClientDep, settings: SettingsDep
) -> Readiness:
    """The database answers, its schema is the newest, and Temporal answers; otherwise 503 and why."""
    found = await asyncio.gather(
        _check(_database(database)),
        _check(_migrations(settings.resolved_database_url)),
        _check(_temporal(client)),
    )
    ready = all(state == "ok" for state in found)
    if not ready:
        response.status_code = 503
    return Readiness(ready=ready, database=found[0], migrations=found[1], temporal=found[2])


async def _check(probe: Awaitable[str]) -> str:
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            return await probe
    except TimeoutError:
        return f"no answer within {LIMIT_SECONDS:.0f} s"
    except Exception as error:
        # A probe reports whatever is wrong instead of failing; the type says enough without its inside.
        return f"does not answer ({type(error).__name__})"


def _select(session: Session) -> None:
    session.execute(text("SELECT 1"))


async def _database(database: Database) -> str:
    await database.read(_select)
    return "ok"


async def _migrations(url: str) -> str:
    current = await asyncio.to_thread(migrate.current, url)
    newest = migrate.head()
    return (
        "ok"
        if current == newest
        else f"schema is at {current or 'nothing'}, needs {newest}: paceline migrate"
    )


async def _temporal(client: Client) -> str:
    good = await client.service_client.check_health(timeout=timedelta(seconds=LIMIT_SECONDS))
    return "ok" if good else "does not serve"
