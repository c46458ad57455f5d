"""One trace from a request to the agent's process, with uvicorn, a worker, Temporal and a collector."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import httpx2
import pytest

from tests.collector import Collector, Span, collecting
from tests.integration.api.allotment import PLAN
from tests.integration.api.command_line import PATIENCE, CommandLine
from tests.world import ROOT

pytestmark = pytest.mark.temporal

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ENDED = ("completed", "incomplete", "failed", "cancelled")


def api_of(process: subprocess.Popen[str]) -> str:
    """The address of a server, as soon as it is up."""
    stream: IO[str] | None = process.stdout
    assert stream is not None
    url = ""
    while "Ctrl-C" not in (line := stream.readline()):
        assert line, "it ended early"
        url = line.removeprefix("API: ").strip() if line.startswith("API: ") else url
    return url


def run_plan(url: str, repository: Path, agent: dict[str, object]) -> str:
    """Start the plan as a caller who traces, and wait for its end; returns the run's state."""
    body = {
        "plan": PLAN,
        "repository": str(repository),
        "options": {"agents": {"*": agent}, "criteria": "record", "gates": "record"},
    }
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    with httpx2.Client(base_url=url, timeout=60) as calls:
        started = calls.post("/api/v1/sprints", json=body, headers=headers)
        assert started.status_code in (200, 201, 202), started.text
        project = started.json()["run"]["id"]
        deadline = time.monotonic() + PATIENCE
        while (state := calls.get(f"/api/v1/projects/{project}").json()["run"]["state"]) not in ENDED:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    return state


def test_one_trace_from_the_request_to_the_agents_process(paceline: CommandLine, repository: Path) -> None:
    with collecting() as collector:
        paceline.variables.update(
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_BSP_SCHEDULE_DELAY="200",
            PACELINE_LOG_FORMAT="json",
            PACELINE_LOG_LEVEL="info",
        )
        agent: dict[str, object] = {
            "kind": "command",
            "command": [sys.executable, str(ROOT / "tests" / "traced_agent.py")],
            "environment": ["OTEL_EXPORTER_OTLP_ENDPOINT", "PYTHONPATH"],
        }
        with subprocess.Popen(
            paceline.command("up"),
            env=paceline.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert run_plan(api_of(process), repository, agent) == "completed"
                # The workflow itself ends a moment after its run.
                collector.wait_for("RunWorkflow:project", TRACE, PATIENCE)
            finally:
                process.terminate()
                _, said = process.communicate(timeout=PATIENCE)
    _check_spans(collector)
    _check_logs(said)


def _check_spans(collector: Collector) -> None:
    spans = {span.id: span for span in collector.spans if span.trace == TRACE}

    def named(name: str) -> list[Span]:
        return [span for span in spans.values() if span.name == name]

    def above(span: Span) -> list[str]:
        names: list[str] = []
        while span.parent in spans:
            span = spans[span.parent]
            names.append(span.name)
        assert span.parent == CALLER, f"{names} hang in the air below {span.parent}"
        return names

    (request,) = named("POST /api/v1/sprints")
    assert (request.parent, request.service) == (CALLER, "paceline")
    assert above(*named("RunWorkflow:project")) == ["StartWorkflow:project", "POST /api/v1/sprints"]
    thoughts = named("thinking")
    assert len(thoughts) == 2
    for thought in thoughts:
        assert thought.service == "the-agent"
        assert above(thought) == [
            "agent",
            "RunActivity:do-work",
            "StartActivity:do-work",
            "RunWorkflow:story",
            "StartChildWorkflow:story",
            "RunWorkflow:epic",
            "StartChildWorkflow:epic",
            "RunWorkflow:sprint",
            "StartChildWorkflow:sprint",
            "RunWorkflow:project",
            "StartWorkflow:project",
            "POST /api/v1/sprints",
        ]
    agents = {span.attributes["paceline.agent"]: span for span in named("agent")}
    assert {name: span.attributes["paceline.exit_code"] for name, span in agents.items()} == {
        "Digger": "0",
        "Planter": "0",
    }
    assert all(
        span.attributes["paceline.story"].startswith("Story 1.") for span in named("RunActivity:do-work")
    )
    for span in spans.values():
        above(span)


def _check_logs(said: str) -> None:
    lines = [json.loads(line) for line in said.splitlines()]
    assert {line["level"] for line in lines} <= {"info", "warning"}
    done = [line for line in lines if line["event"] == "do-work completed"]
    assert len(done) == 2
    for line in done:
        assert (line["trace_id"], line["attempt"], line["outcome"]) == (TRACE, 1, "completed")
        assert line["project"] == "tend-the-allotment"
        assert line["story"].startswith("Story 1.")
    (asked,) = [line for line in lines if line["event"].startswith("POST /api/v1/sprints ")]
    assert asked["trace_id"] == TRACE
    assert asked["request_id"]


def test_a_collector_that_is_gone_holds_nobody_up(paceline: CommandLine, plan: str) -> None:
    paceline.variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:1"
    done = paceline("run", plan, "--agent", "simulated")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_another_protocol_is_refused(paceline: CommandLine) -> None:
    paceline.variables.update(
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4317", OTEL_EXPORTER_OTLP_PROTOCOL="grpc"
    )
    done = paceline("up")
    assert done.returncode != 0
    assert "OTEL_EXPORTER_OTLP_PROTOCOL asks for grpc" in done.stderr
