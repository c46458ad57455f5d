"""A process seen from outside: its logs, traces and metrics, those of its activities, and a worker's port."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import socket
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from api.security import LOOPBACK_NAMES, is_loopback
from paceline.errors import ConfigurationError
from paceline.observe import metrics
from paceline.observe.context import bound
from paceline.observe.figures import DiskCollector, exposition
from paceline.observe.logs import fields_of_workflow, set_up_logging
from paceline.observe.tracing import flush_traces, note_on_current, start_tracing
from paceline.settings import Settings

_NAMED = ("project", "sprint", "epic", "story", "attempt")
"""What steps say that they are about."""
STOP_SECONDS = 1

log = logging.getLogger("paceline.activities")


@contextmanager
def observed(settings: Settings, service: str, *, file: Path | None = None) -> Generator[None]:
    """Log, trace and measure as the settings and the standard variables say, while the context is open.

    Args:
        settings: format, level, secrets, and where Temporal's SDK serves its metrics.
        service: the name under which traces are found.
        file: where logs go; None: to standard error.

    Raises:
        ConfigurationError: traces cannot be sent as asked, or the metrics' address is not to be had.
    """
    set_up_logging(settings, file=file)
    start_tracing(service)
    Runtime.set_default(_runtime(settings), error_if_already_set=False)
    try:
        yield
    finally:
        flush_traces()


def _runtime(settings: Settings) -> Runtime:
    """Temporal's, whose own words go the way of all others."""
    address = settings.temporal_metrics_address
    quiet = TelemetryFilter(core_level="WARN", other_level="ERROR")
    forwarding = LogForwardingConfig(logging.getLogger("temporalio.core"))
    measured = PrometheusConfig(address, durations_as_seconds=True, unit_suffix=True) if address else None
    try:
        return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(quiet, forwarding), metrics=measured))
    except (RuntimeError, ValueError) as error:
        raise ConfigurationError(
            f"Temporal's metrics cannot be served at {address} ({error}); correct "
            "PACELINE_TEMPORAL_METRICS_ADDRESS to a free host:port of this machine."
        ) from error


# Activities ---


class ObservedActivities(Interceptor):
    """Has everything that an activity logs say what it is about, and counts how activities end."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap the chain of one activity worker."""
        return _ObservedActivity(next)


class _ObservedActivity(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = activity.info()
        name, began, outcome, code = info.activity_type, time.perf_counter(), "completed", None
        about = fields_of_workflow(info.workflow_id or "") | about_step(input.args)
        note_on_current({f"paceline.{field}": value for field, value in about.items()})
        with (
            bound(**about, activity=name),
            metrics.ACTIVITIES_RUNNING.labels(name).track_inprogress(),
        ):
            try:
                return await super().execute_activity(input)
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            except Exception as error:
                outcome, code = "failed", _code(error)
                metrics.ACTIVITY_FAILURES.labels(name, code).inc()
                raise
            finally:
                seconds = time.perf_counter() - began
                metrics.ACTIVITIES.labels(name, outcome).inc()
                metrics.ACTIVITY_SECONDS.labels(name).observe(seconds)
                ended = {"outcome": outcome, "duration_ms": round(1000 * seconds, 1)}
                log.info("%s %s", name, outcome, extra=ended | ({"code": code} if code is not None else {}))


def about_step(arguments: Sequence[Any]) -> dict[str, object]:
    """What the first argument of an activity says that it is about."""
    step = arguments[0] if arguments else None
    found = {name: getattr(step, name, None) for name in _NAMED}
    return {name: value for name, value in found.items() if isinstance(value, str | int) and value != ""}


def _code(error: Exception) -> str:
    """A stable code, or the class of what nobody foresaw: both bounded in number."""
    if isinstance(error, ApplicationError) and error.type:
        return error.type
    return type(error).__name__


# A worker's own port ---


@asynccontextmanager
async def serving_metrics(settings: Settings) -> AsyncGenerator[str | None]:
    """Serve what this process counts, while the context is open; yields the address, None where not asked to.

    Raises:
        ConfigurationError: the port is not to be had, or is beyond loopback without a token.
    """
    if settings.metrics_port is None:
        yield None
        return
    token = settings.api_token.get_secret_value() if settings.api_token else None
    if token is None and not is_loopback(settings.metrics_host):
        raise ConfigurationError(
            f"Metrics on {settings.metrics_host} need a token; set PACELINE_API_TOKEN, or "
            "PACELINE_METRICS_HOST to 127.0.0.1."
        )
    try:
        listener = socket.create_server((settings.metrics_host, settings.metrics_port))
    except OSError as error:
        raise ConfigurationError(
            f"Metrics cannot be served at {settings.metrics_host}:{settings.metrics_port} "
            f"({error.strerror or error}); correct PACELINE_METRICS_HOST and PACELINE_METRICS_PORT."
        ) from error
    server = _Quiet(
        uvicorn.Config(
            _application(settings, token),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )
    task = asyncio.create_task(server.serve([listener]), name="metrics")
    try:
        host, port = listener.getsockname()[:2]
        yield f"http://[{host}]:{port}/metrics" if ":" in host else f"http://{host}:{port}/metrics"
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
        listener.close()


class _Quiet(uvicorn.Server):
    """A server that leaves signals to the process it is part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _application(settings: Settings, token: str | None) -> Starlette:
    disks = DiskCollector(settings)

    async def scrape(request: Request) -> Response:
        if token is None and request.url.hostname not in LOOPBACK_NAMES:
            # A page of another site, whose name was made to lead here.
            return PlainTextResponse("Ask 127.0.0.1.\n", status_code=403)
        given = request.headers.get("authorization", "")
        if token is not None and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return PlainTextResponse(
                "The request needs 'Authorization: Bearer <PACELINE_API_TOKEN>'.\n",
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
        text = await asyncio.to_thread(exposition, metrics.REGISTRY, disks)
        return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})

    return Starlette(routes=[Route("/metrics", scrape)])
