"""Tracing changes no workflow: recorded histories replay with its interceptors, and a replay ends no span."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from paceline.observe import tracing
from tests.replay.test_histories import FILES, HISTORIES, history_of, kind_of
from workers.worker import WORKFLOWS, sandbox

CHOSEN = sorted({kind_of(file): file for file in FILES if file.parent != HISTORIES / "v1"}.values()) + sorted(
    (HISTORIES / "v1").glob("*.json")
)
"""A history of each kind, and those from before anything was patched."""


@pytest.fixture(scope="module")
def exporter() -> Iterator[InMemorySpanExporter]:
    """Where spans go; the provider stays the process's, and nothing but these tests asks for it."""
    found = InMemorySpanExporter()
    before = tracing._state  # pyright: ignore[reportPrivateUsage]
    tracing._state = type(before)()  # pyright: ignore[reportPrivateUsage]
    tracing.trace_with(SimpleSpanProcessor(found), "replayed")
    yield found
    tracing._state = before  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("file", CHOSEN, ids=lambda file: f"{file.parent.name}/{file.stem}")
async def test_a_recorded_history_replays_while_traced(file: Path, exporter: InMemorySpanExporter) -> None:
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=pydantic_data_converter,
        workflow_runner=sandbox(),
        interceptors=tracing.interceptors(),
    )
    await replayer.replay_workflow(history_of(file))
    assert exporter.get_finished_spans() == ()


def test_spans_outside_of_replays_are_ended(exporter: InMemorySpanExporter) -> None:
    """What the other test says of none could fail."""
    with tracing.span("outside") as span:
        span.note({"paceline.project": "beds", "none": None})
    (found,) = exporter.get_finished_spans()
    assert (found.name, dict(found.attributes or {})) == ("outside", {"paceline.project": "beds"})
    exporter.clear()
