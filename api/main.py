"""The application: routes, errors, and the guard in front of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from temporalio.client import Client

from api import errors
from api.deps import Parts
from api.hub import Hub
from api.routes import (
    absences,
    agents,
    amendments,
    artifacts,
    claims,
    completion,
    exports,
    health,
    metrics,
    notifications,
    projects,
    questions,
    reports,
    rollbacks,
    socket,
    sprints,
    steering,
)
from api.security import Guard, required_token
from paceline.settings import Settings
from paceline.store.database import Database

PREFIX = "/api/v1"


def create_app(database: Database, client: Client, settings: Settings) -> FastAPI:
    """The API over a database and a Temporal client that the caller owns and closes.

    Raises:
        ConfigurationError: it would listen beyond loopback without a token.
    """

    required_token(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        hub = Hub(database)
        app.state.parts = Parts(database, client, settings, hub)
        async with hub.running():
            yield

    app = FastAPI(
        title="Paceline",
        version=version("paceline"),
        lifespan=lifespan,
        openapi_url=f"{PREFIX}/openapi.json",
        # FastAPI's own pages load scripts from another host; a page of ours comes with the dashboard.
        docs_url=None,
        redoc_url=None,
    )
    errors.install(app)
    app.include_router(_routes(), prefix=PREFIX)
    app.include_router(health.router)
    app.include_router(socket.router)
    app.add_middleware(Guard, settings=settings)
    return app


RESOURCES = (
    sprints,
    claims,
    projects,
    amendments,
    steering,
    completion,
    exports,
    absences,
    agents,
    questions,
    notifications,
    artifacts,
    rollbacks,
    reports,
    metrics,
)
"""The modules whose routes stand below the prefix."""


def _routes() -> APIRouter:
    routes = APIRouter()
    for resource in RESOURCES:
        routes.include_router(resource.router)
    return routes
