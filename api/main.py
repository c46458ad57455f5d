"""The application: routes, errors, and the guard in front of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, Depends, FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.routing import Route, WebSocketRoute
from temporalio.client import Client

from api import contract, errors
from api.callers import Callers
from api.deps import Parts
from api.endpoints import PREFIX, Endpoints
from api.guard import Guard
from api.hub import Hub
from api.idempotency import Idempotency
from api.observing import Observed
from api.provider import provider_of
from api.routes import (
    absences,
    agents,
    amendments,
    artifacts,
    audit,
    claims,
    completion,
    exports,
    health,
    metrics,
    notifications,
    oidc,
    parts,
    plans,
    projects,
    questions,
    reports,
    rollbacks,
    scrape,
    session,
    sessions,
    socket,
    sprints,
    steering,
    stream,
    tokens,
    webhooks,
)
from api.security import required_token
from api.sessions import Sessions
from api.texts import check_texts
from paceline.settings import Settings
from paceline.store.database import Database


def create_app(database: Database, client: Client, settings: Settings) -> FastAPI:
    """The API over a database and a Temporal client that the caller owns and closes.

    Raises:
        ConfigurationError: it would listen beyond loopback without a token.
    """

    callers = Callers(settings, database, required_token(settings))
    browsers = Sessions(settings, database, callers)
    provider = provider_of(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        hub = Hub(database, heartbeat_seconds=settings.event_heartbeat)
        app.state.parts = Parts(database, client, settings, hub)
        async with hub.running():
            yield
        await callers.close()
        await browsers.close()

    app = FastAPI(
        title="Paceline",
        version=version("paceline"),
        lifespan=lifespan,
        openapi_url=f"{PREFIX}/openapi.json",
        # FastAPI's own pages load scripts from another host; a page of ours comes with the dashboard.
        docs_url=None,
        redoc_url=None,
        # `Observed` has one span for a request, which knows the route and no query; FastAPI's own would be a
        # second one around it, with five more inside.
        telemetry=TelemetryConfig(tracing=False, metrics=False, logs=False, auto_configure=False),
    )
    errors.install(app)
    contract.install(app)
    include_routes(app)
    app.state.callers = callers
    app.state.sessions = browsers
    app.state.provider = provider
    app.add_middleware(Idempotency, database=database)
    endpoints = Endpoints(routes())
    app.add_middleware(
        Guard,
        settings=settings,
        callers=callers,
        endpoints=endpoints,
        database=database,
        sessions=browsers,
    )
    app.add_middleware(Observed, endpoints=endpoints)
    return app


def include_routes(app: FastAPI) -> None:
    """Give an application every route of the API."""
    # First, as a thousand clients that come back at once are matched against it.
    app.include_router(socket.router)
    app.include_router(_routes(), prefix=PREFIX)
    app.include_router(health.router)
    app.include_router(scrape.router)


RESOURCES = (
    sprints,
    plans,
    parts,
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
    stream,
    tokens,
    session,
    oidc,
    sessions,
    webhooks,
    audit,
)
"""The modules whose routes stand below the prefix."""


def routes() -> Iterator[tuple[frozenset[str], str]]:
    """Methods and path of every route, in the order in which a request is matched against them."""
    yield frozenset({"GET", "HEAD"}), f"{PREFIX}/openapi.json"
    for prefix, modules in (("", (socket,)), (PREFIX, RESOURCES), ("", (health, scrape))):
        for module in modules:
            for route in module.router.routes:
                if isinstance(route, Route | WebSocketRoute):
                    methods = (route.methods or ()) if isinstance(route, Route) else ("GET",)
                    yield frozenset(methods), f"{prefix}{route.path}"


def _routes() -> APIRouter:
    routes = APIRouter(dependencies=[Depends(check_texts)])
    for resource in RESOURCES:
        routes.include_router(resource.router)
    return routes
