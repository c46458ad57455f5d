"""What was rolled back is not counted as merged: by the epic, the sprint, the run, the API and the bundle."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from api.main import create_app
from paceline.contracts import EpicResult, SprintResult
from paceline.domain.questions import Decision
from paceline.domain.rollback import RollbackKind, RollbackState
from paceline.domain.states import RunState, StoryState
from paceline.store import artifacts
from tests.integration.api.allotment import calling
from tests.sample_plans import E, S, plan
from tests.workflows.test_rollback import STORY, UNDO, Rolling
from tests.world import World, scripted

pytestmark = pytest.mark.temporal

MERGED, REVERTED = StoryState.MERGED, StoryState.REVERTED
ONE_WAITS = plan(E("1", [S("1.1", files=("1.txt",)), S("1.2", files=("2.txt",), approval=True)]))
TWO_SPRINTS = """
# Plan
## Agent Team
### 1. Ada
- **Role**: Builds
## Sprint 1: Ground
### Epic 1: House
#### Story 1.1: Dig
- **Agent**: Ada
- **Files**: `1.txt`
## Sprint 2: Walls
### Epic 1: House (continued)
#### Story 1.2: Build
- **Agent**: Ada
- **Files**: `2.txt`
- **Approval**: required
"""


async def rolled_back_while_it_runs(world: World, name: str, repository: Path) -> Rolling:
    """1.1 has merged and is rolled back; 1.2 of the same epic waits for its approval."""
    run = await world.start(ONE_WAITS, project=name, repository=repository, agents=scripted())
    rolling = Rolling(world, run.id, repository)

    async def one_merged() -> bool:
        return (await rolling.states())["Story 1.1"] is MERGED

    await world.until(one_merged, "the merge of Story 1.1")
    made = await rolling.made(STORY, "1.1")
    assert (made.kind, made.state) == (RollbackKind.STORY, RollbackState.MADE)
    return rolling


async def test_every_end_of_a_running_sprint_says_so(world: World, name: str, repository: Path) -> None:
    counts = {REVERTED: 1, MERGED: 1}
    async with world.workers(), calling(create_app(world.database, world.client, world.settings)) as calls:
        rolling = await rolled_back_while_it_runs(world, name, repository)
        await world.answer(await world.question(name), Decision.APPROVE)
        result = await world.result(name)
        epic = world.client.get_workflow_handle(f"{name}/sprint/epic-1", result_type=EpicResult)
        sprint = world.client.get_workflow_handle(f"{name}/sprint", result_type=SprintResult)
        assert (await epic.result()).counts == counts
        assert (await sprint.result()).counts == counts
        shown = (await calls.get(f"/api/v1/projects/{name}")).json()
    assert (result.state, result.counts) == (RunState.INCOMPLETE, counts)
    assert (shown["run"]["state"], shown["counts"], shown["percent"]) == (
        "incomplete",
        {"reverted": 1, "merged": 1},
        50.0,
    )
    (ended,) = [each for each in await world.events(name) if each.name == "project.incomplete"]
    assert ended.data["counts"] == {"reverted": 1, "merged": 1}
    (bundle,) = await world.database.read(artifacts.list_artifacts, name, None, "bundle")
    with zipfile.ZipFile(world.settings.artifact_root / bundle.path) as archive:
        readme, summary = (
            archive.read(each).decode() for each in ("README.md", "documentation/project-summary.md")
        )
    assert f"Run `{name}` is **incomplete**: 1 of 2 stories succeeded (50 %)." in readme
    assert "- merged: 1\n- reverted: 1\n" in summary
    assert "Reason: rolled back by ada" in summary
    assert rolling.files() == ["2.txt", "README.md"]


async def test_what_came_back_before_the_end_is_merged(world: World, name: str, repository: Path) -> None:
    async with world.workers():
        rolling = await rolled_back_while_it_runs(world, name, repository)
        await rolling.made(UNDO, "1")
        await world.answer(await world.question(name), Decision.APPROVE)
        result = await world.result(name)
    assert (result.state, result.counts) == (RunState.COMPLETED, {MERGED: 2})


async def test_a_sprint_that_is_over_loses_a_story_before_the_run_ends(
    world: World, name: str, repository: Path
) -> None:
    async with world.workers():
        run = await world.start(TWO_SPRINTS, project=name, repository=repository, agents=scripted())
        question = await world.question(name)
        assert question.story == "Story 1.2"
        rolling = Rolling(world, run.id, repository)
        # Its own branch is the newest one by now, and holds what the first sprint merged.
        rolling.branch = f"paceline/{name}/sprint-2"
        await rolling.made(STORY, "1.1")
        await world.answer(question, Decision.APPROVE)
        result = await world.result(name)
        first = world.client.get_workflow_handle(f"{name}/sprint-1", result_type=SprintResult)
        assert (await first.result()).counts == {MERGED: 1}, "it was so when that sprint ended"
    assert (result.state, result.counts) == (RunState.INCOMPLETE, {REVERTED: 1, MERGED: 1})
    assert rolling.files() == ["2.txt", "README.md"]
