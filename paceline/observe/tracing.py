"""Traces by OpenTelemetry, from a request through workflows and activities to the agent's process.

They are off, and nothing of OpenTelemetry's SDK is imported, unless a standard variable says where they go
(`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`). Spans of workflows are replay-safe:
their ids come from the workflow's own random numbers and a replay ends none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from paceline.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"
FLUSH_MILLISECONDS = 5_000
_SCOPE = "paceline"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")


@dataclass
class _State:
    """What this process traces with; one for the process, as OpenTelemetry's provider is."""

    provider: Any = None
    ids: Callable[[], tuple[str, str] | None] | None = field(default=None)


_state = _State()


def is_configured(environment: Mapping[str, str] | None = None) -> bool:
    """Whether the standard variables say that traces go somewhere."""
    told = os.environ if environment is None else environment
    off = told.get("OTEL_SDK_DISABLED", "").lower() == "true" or told.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(told.get(name) for name in ENDPOINTS)


def is_on() -> bool:
    """Whether this process traces."""
    return _state.provider is not None


def start_tracing(service: str) -> None:
    """Trace from now on, where the standard variables say where to; a second call changes nothing.

    Args:
        service: the name of the service, unless `OTEL_SERVICE_NAME` says another.

    Raises:
        ConfigurationError: they ask for a protocol other than HTTP.
    """
    if is_on() or not is_configured():
        return
    for name in PROTOCOLS:
        if os.environ.get(name, PROTOCOL) != PROTOCOL:
            raise ConfigurationError(
                f"{name} asks for {os.environ[name]}, and traces are sent by {PROTOCOL} only; set it to "
                "that, and the endpoint to the collector's HTTP port (4318 by default)."
            )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    trace_with(BatchSpanProcessor(OTLPSpanExporter()), service)


def trace_with(processor: SpanProcessor, service: str) -> None:
    """Trace from now on, and give finished spans to a processor."""
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from temporalio.contrib.opentelemetry import create_tracer_provider

    resource = Resource.create({} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": service})
    provider = create_tracer_provider(resource=resource)
    provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)

    def ids() -> tuple[str, str] | None:
        context = trace.get_current_span().get_span_context()
        return (f"{context.trace_id:032x}", f"{context.span_id:016x}") if context.is_valid else None

    _state.provider, _state.ids = provider, ids


def flush_traces() -> None:
    """Send what was not sent, before the process ends; a collector that does not answer is not waited for."""
    if is_on():
        _state.provider.force_flush(FLUSH_MILLISECONDS)


def interceptors() -> list[Any]:
    """What a Temporal client needs to trace its calls, and workers made of it theirs; none while off."""
    if not is_on():
        return []
    from temporalio.contrib.opentelemetry import OpenTelemetryInterceptor

    return [OpenTelemetryInterceptor(add_temporal_spans=True)]


def current_ids() -> tuple[str, str] | None:
    """Trace and span that this task works in, in hexadecimal; None where there are none."""
    return _state.ids() if _state.ids is not None else None


def trace_id_in(traceparent: str | None) -> str | None:
    """The id of the trace that a caller names by the W3C header; None where it names none."""
    found = _TRACEPARENT.fullmatch(traceparent.strip()) if traceparent else None
    return found[1] if found and found[1] != "0" * 32 else None


def traceparent() -> dict[str, str]:
    """The variables with which another process joins the trace; none while off."""
    if not is_on():
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return {name.upper(): value for name, value in carrier.items()}


class Spanning:
    """A span that is open, as far as this process traces."""

    def __init__(self, span: Any = None) -> None:
        self._span = span

    def note(self, attributes: Mapping[str, object]) -> None:
        """Set attributes; those that are None are left out."""
        if self._span is None:
            return
        for name, value in attributes.items():
            if value is not None:
                self._span.set_attribute(name, value if isinstance(value, bool | int | float) else str(value))

    def rename(self, name: str) -> None:
        """Give it another name."""
        if self._span is not None:
            self._span.update_name(name)

    def fail(self, reason: str) -> None:
        """Mark it as failed."""
        if self._span is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_status(Status(StatusCode.ERROR, reason))


_OFF = Spanning()


@contextmanager
def span(name: str, kind: str = "internal", headers: Mapping[str, str] | None = None) -> Generator[Spanning]:
    """A span around a block; nothing while off.

    Args:
        name: bounded in number: what is done, not to what.
        kind: `internal`, `server` or `client`.
        headers: of the request that it answers; `traceparent` and `tracestate` in them say who asks. None: it
            belongs to the span around it.
    """
    if not is_on():
        yield _OFF
        return
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    around = None if headers is None else TraceContextTextMapPropagator().extract(headers)
    tracer = _state.provider.get_tracer(_SCOPE)
    chosen = trace.SpanKind[kind.upper()]
    with tracer.start_as_current_span(name, context=around, kind=chosen) as opened:
        yield Spanning(opened)


def note_on_current(attributes: Mapping[str, object]) -> None:
    """Set attributes of the span that this task works in; nothing while off."""
    if is_on():
        from opentelemetry import trace

        Spanning(trace.get_current_span()).note(attributes)
