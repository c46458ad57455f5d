"""The twelve paths of status, artifacts and completion, against what runs: API, worker and Temporal."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.api.allotment import PLAN
from tests.integration.api.command_line import PATIENCE, CommandLine
from workers.temporal_binary import Binary

pytestmark = pytest.mark.temporal


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory, temporal_binary: Binary) -> Iterator[httpx2.Client]:
    """A client of `paceline up`."""
    home = tmp_path_factory.mktemp("twelve")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    own = {"HOME": str(home), "TEMPORAL_BINARY": str(temporal_binary.path), "API_PORT": port}
    own |= {"TEMPORAL_PORT": "0", "TEMPORAL_UI_PORT": "0"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PACELINE_")}
    line = CommandLine({**kept, **{f"PACELINE_{name}": value for name, value in own.items()}})
    with subprocess.Popen(
        line.command("up"), env=line.variables, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            while "Ctrl-C" not in (said := process.stdout.readline()):
                assert said, "it ended early"
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=PATIENCE) as client:
                yield client
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


def begin(http: httpx2.Client, project: str, kind: str) -> None:
    """Start the plan with agents of one kind."""
    options = {"agents": {"*": {"kind": kind}}}
    body = {"plan": PLAN, "file": "plan.md", "project": project, "options": options}
    assert http.post("/sprints", json=body).status_code == 201


def until(http: httpx2.Client, path: str, name: str, wanted: Any) -> Any:
    """What a path answers once one of its fields is as wanted."""
    limit = time.monotonic() + PATIENCE
    while (found := http.get(path).json())[name] != wanted:
        assert time.monotonic() < limit, found
        http.get("/projects")  # The API's own time is what is waited for, not a clock's.
    return found


def test_agents_and_completion_of_a_run_that_waits_for_a_person(http: httpx2.Client) -> None:
    begin(http, "beds", "human")
    waiting = until(http, "/agents/status/Digger?project=beds", "state", "WAITING_FOR_HITL")
    assert (waiting["agent"], waiting["story"]) == ("Digger", "Story 1.1")
    listed = {each["agent"]: each["state"] for each in http.get("/agents/status?project=beds").json()}
    assert listed == {"Digger": "WAITING_FOR_HITL", "Planter": "IDLE"}
    history = [each["state"] for each in http.get("/agents/status-history/Digger?project=beds").json()]
    assert (history[0], history[-1]) == ("WAITING_FOR_HITL", "IDLE")
    assert http.get("/agents/status/Nobody").status_code == 404
    reset = http.post("/agents/status/Digger/reset", json={"project": "beds", "actor": "ada"})
    assert (reset.status_code, reset.json()["code"]) == (409, "CONFLICT")

    completion = http.get("/projects/beds/completion").json()
    assert (completion["complete"], completion["percent"], completion["state"]) == (False, 0.0, "running")
    checked = http.post("/projects/beds/check-completion", json={"actor": "ada"})
    assert (checked.status_code, checked.json()["complete"]) == (200, False)
    # It goes on, so what it left so far stays, and no admin's clean-up takes it either.
    assert http.delete("/artifacts/beds/artifacts").status_code == 409
    forced = http.post("/projects/beds/force-complete", json={"actor": "ada", "reason": "frost"})
    assert forced.status_code in (200, 202)
    ended = until(http, "/projects/beds/completion", "state", "completed")
    assert ended["complete"]
    assert http.get("/projects/beds").json()["forced_by"] == "ada"
    idle = http.post("/agents/status/Digger/reset", json={"project": "beds", "actor": "ada"})
    assert (idle.status_code, idle.json()["state"]) == (200, "IDLE")


def test_artifacts_of_a_run_that_ended(http: httpx2.Client) -> None:
    begin(http, "rows", "simulated")
    until(http, "/projects/rows/completion", "state", "completed")
    made = http.post("/artifacts/rows/generate")
    assert made.status_code == 201
    summary = http.get("/artifacts/rows/summary").json()
    download = http.get("/artifacts/rows/download")
    assert download.headers["content-type"] == "application/zip"
    assert download.content == http.get("/artifacts/rows/download").content
    assert summary["bundle"]["sha256"] == made.json()["sha256"] == download.headers["x-checksum-sha256"]
    with zipfile.ZipFile(io.BytesIO(download.content)) as bundle:
        assert bundle.testzip() is None
        assert {"README.md", "manifest.json"} <= {Path(name).name for name in bundle.namelist()}
    begin(http, "hedge", "human")
    offered = http.post("/artifacts/cleanup-old", json={"days": 0, "dry_run": True}).json()
    assert "rows" in {each["project"] for each in offered}
    assert "hedge" not in {each["project"] for each in offered}
    removed = http.post("/artifacts/cleanup-old", json={"days": 0}).json()
    assert next(each["deleted"] for each in removed if each["project"] == "rows") == summary["count"]
    assert http.get("/artifacts/rows/summary").json()["count"] == 0
    assert http.get("/artifacts/rows/download").status_code == 410
    begin(http, "paths", "simulated")
    until(http, "/projects/paths/completion", "state", "completed")
    assert http.post("/artifacts/paths/generate").status_code == 201
    gone = http.delete("/artifacts/paths/artifacts")
    assert (gone.status_code, gone.json()["deleted"] > 0) == (200, True)
    assert json.loads(http.get("/artifacts/paths/summary").text)["count"] == 0
