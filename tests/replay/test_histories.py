"""Every recorded history replays on today's workflow code, in the sandbox."""

from __future__ import annotations

import ast
import base64
import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from tests.world import ROOT
from workers.worker import WORKFLOWS, sandbox

HISTORIES = ROOT / "tests" / "histories"
FILES = sorted(HISTORIES.rglob("*.json"))
KINDS = {each.__name__.removesuffix("Workflow").lower() for each in WORKFLOWS}
SCHEDULED = "activityTaskScheduledEventAttributes"
UNRECORDED = {"claim-lost"}
"""Patches whose new path needs two agents that ask an API for each other's files while they work:
tests/workflows/test_claim_taken_away.py takes it, and nothing was recorded of it."""


def history_of(file: Path) -> WorkflowHistory:
    """A recorded history."""
    kept = json.loads(file.read_text())
    return WorkflowHistory.from_json(kept["workflow_id"], kept["history"])


def replayer() -> Replayer:
    """As the worker runs workflows."""
    return Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter, workflow_runner=sandbox())


def kind_of(file: Path) -> str:
    """The name of the workflow type that a history was recorded of."""
    started = json.loads(file.read_text())["history"]["events"][0]["workflowExecutionStartedEventAttributes"]
    return str(started["workflowType"]["name"])


def patches_in(file: Path) -> set[str]:
    """Ids of the patches whose new path a history took."""
    found: set[str] = set()
    for event in json.loads(file.read_text())["history"]["events"]:
        marker = event.get("markerRecordedEventAttributes", {})
        if marker.get("markerName") == "core_patch":
            (payload,) = marker["details"]["patch-data"]["payloads"]
            found.add(json.loads(base64.b64decode(payload["data"]))["id"])
    return found


def patches_in_code() -> set[str]:
    """Ids of the patches that the workflows ask for."""
    found: set[str] = set()
    for path in (ROOT / "workflows").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "workflow.patched":
                found.add(str(ast.literal_eval(node.args[0])))
    return found


def test_there_are_histories_of_every_kind() -> None:
    assert {kind_of(file) for file in FILES} == KINDS


def test_every_patch_has_a_history_of_its_new_path() -> None:
    """And the histories from before it show the old one."""
    asked = patches_in_code()
    assert asked >= UNRECORDED
    recorded = {patch for file in FILES for patch in patches_in(file)}
    assert asked - UNRECORDED <= recorded
    old = [file for file in FILES if file.is_relative_to(HISTORIES / "v1")]
    assert old
    assert all(not patches_in(file) for file in old)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
async def test_a_recorded_history_replays(file: Path) -> None:
    await replayer().replay_workflow(history_of(file))


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_a_history_that_does_not_fit_is_noticed(kind: str) -> None:
    """The check can fail, for every kind of workflow: another activity in the place of one is no replay."""
    file = next(file for file in FILES if kind_of(file) == kind and SCHEDULED in file.read_text())
    kept = json.loads(file.read_text())
    for event in kept["history"]["events"]:
        scheduled = event.get(SCHEDULED)
        if scheduled:
            scheduled["activityType"]["name"] = "something-else"
    with pytest.raises(NondeterminismError):
        await replayer().replay_workflow(WorkflowHistory.from_json(kept["workflow_id"], kept["history"]))
