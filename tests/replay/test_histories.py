"""Every recorded history replays on today's workflow code, in the sandbox."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from tests.world import ROOT
from workers.worker import WORKFLOWS, sandbox

FILES = sorted((ROOT / "tests" / "histories").rglob("*.json"))


def history_of(file: Path) -> WorkflowHistory:
    """A recorded history."""
    kept = json.loads(file.read_text())
    return WorkflowHistory.from_json(kept["workflow_id"], kept["history"])


def replayer() -> Replayer:
    """As the worker runs workflows."""
    return Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter, workflow_runner=sandbox())


def test_there_are_histories_of_every_kind() -> None:
    kinds = {
        json.loads(file.read_text())["history"]["events"][0]["workflowExecutionStartedEventAttributes"][
            "workflowType"
        ]["name"]
        for file in FILES
    }
    assert kinds == {"project", "sprint", "epic", "story", "clock"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
async def test_a_recorded_history_replays(file: Path) -> None:
    await replayer().replay_workflow(history_of(file))


async def test_a_history_that_does_not_fit_is_noticed() -> None:
    """The check can fail: without its first activity's result, a story does something else."""
    file = next(file for file in FILES if "failed" in file.parts and "story-1.1" in file.name)
    kept = json.loads(file.read_text())
    for event in kept["history"]["events"]:
        scheduled = event.get("activityTaskScheduledEventAttributes")
        if scheduled:
            scheduled["activityType"]["name"] = "something-else"
    with pytest.raises(NondeterminismError):
        await replayer().replay_workflow(WorkflowHistory.from_json(kept["workflow_id"], kept["history"]))
