"""A plan that a model proposed starts nothing, by API or command line, before a person accepted it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from paceline.plans.document import Document
from paceline.plans.proposal import plan_of, proposal_text
from paceline.plans.proposed import read_answer
from tests.integration.api.allotment import SIMULATED, Calls
from tests.integration.api.command_line import CommandLine

NOTES = "Somebody has to weed the beds.\n"
STORY = {"id": "S1", "title": "Weed the beds", "quote": "weed the beds"}
PROPOSAL = proposal_text(
    plan_of(
        read_answer(json.dumps({"title": "Beds", "stories": [STORY]})), Document(NOTES, "notes.md"), "fast"
    ),
    "fast",
    "beds.yaml",
)
AS_JSON = json.dumps(
    {
        "schema_version": 1,
        "title": "Beds",
        "source": {"kind": "proposal", "lines": 1, "digest": "0"},
        "stories": [{"id": "S1", "title": "Weed the beds"}],
    }
)
OTHER = "# Other\n## Story 2: Dig\n- **Agent**: Ada\n"


@pytest.mark.parametrize(
    "given",
    [
        {"plan": PROPOSAL, "file": "beds.yaml"},
        {"plan": AS_JSON, "file": "beds.json"},
        {"files": {"a.md": OTHER, "beds.yaml": PROPOSAL}, "file": "plans"},
    ],
    ids=["yaml", "json", "in a folder"],
)
async def test_the_api_refuses_it(api: Calls, given: dict[str, Any]) -> None:
    reply = await api.post("/api/v1/sprints", json={**given, "project": "beds", "options": SIMULATED})
    problem = reply.json()
    assert (reply.status_code, problem["code"]) == (422, "PLAN_INVALID")
    errors = [each["code"] for each in problem["findings"] if each["severity"] == "error"]
    assert errors == ["PROPOSAL_NOT_REVIEWED"]
    assert "paceline plan accept" in problem["detail"]
    assert (await api.get("/api/v1/projects")).json() == []


async def test_the_api_says_what_would_make_a_text_readable(api: Calls) -> None:
    body = {"plan": "## Beds\n\nWeed them.\n", "file": "notes.md", "options": SIMULATED}
    reply = await api.post("/api/v1/sprints", json=body)
    problem = reply.json()
    assert reply.headers["content-type"] == "application/problem+json"
    assert (reply.status_code, problem["code"]) == (422, "PLAN_UNREADABLE")
    assert (problem["found"]["headings"], problem["found"]["paragraphs"]) == (1, 1)
    assert problem["candidates"] == [{"line": 1, "written": "## Beds", "write": "## Story 1: Beds"}]
    assert "#### Story 1.1" in problem["example"]


@pytest.mark.temporal
def test_paceline_run_refuses_it_until_it_is_accepted(paceline: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "beds.yaml"
    path.write_text(PROPOSAL)
    done = paceline("run", str(path), "--agent", "simulated")
    assert done.returncode == 1
    assert "nothing was started" in done.stderr
    assert "no person has accepted it" in done.stderr
    accepted = paceline("plan", "accept", str(path), "--as", "Ada", "--yes")
    assert accepted.returncode == 0, accepted.stderr
    done = paceline("run", str(path), "--agent", "simulated")
    assert done.returncode == 0, done.stderr
    assert "1 of 1 story" in done.stdout
