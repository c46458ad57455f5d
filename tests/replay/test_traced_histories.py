"""Tracing changes no workflow: recorded histories replay with its interceptors, and a replay ends no span."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry import trace
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


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Where spans go; only this test traces, although the provider stays the process's."""
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "_state", type(tracing._state)())  # pyright: ignore[reportPrivateUsage]
    tracing.trace_with(SimpleSpanProcessor(exporter), "replayed")
    assert trace.get_tracer_provider() is not None
    return exporter


@pytest.mark.parametrize("file", CHOSEN, ids=lambda file: f"{file.parent.name}/{file.stem}")
async def test_a_recorded_history_replays_while_traced(file: Path, spans: InMemorySpanExporter) -> None:
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=pydantic_data_converter,
        workflow_runner=sandbox(),
        interceptors=tracing.interceptors(),
    )
    await replayer.replay_workflow(history_of(file))
    assert spans.get_finished_spans() == ()
