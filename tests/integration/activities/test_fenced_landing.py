"""A merge needs the claim it was granted for: a replaced holder does not move the branch."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TypedDict

import pytest
import pytest_asyncio
from temporalio.testing import ActivityEnvironment

from activities.claims import ClaimActivities
from activities.context import ActivityContext
from activities.landing import LandingActivities
from activities.outlines import OutlineActivities
from paceline.contracts import ClaimStep, LandReport, LandStep, SettleStep, SprintStep
from paceline.domain.states import StoryState
from paceline.errors import StaleFence
from paceline.store import claims
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines, make_repository, open_world, scripted
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal


class Names(TypedDict):
    """What every step of the story has in common."""

    project: str
    sprint: str
    epic: str
    story: str
    attempt: int


class Story:
    """A story with its claim and a commit to land, driven step by step without its workflow."""

    def __init__(self, world: World, repository: Path, project: str) -> None:
        self._context = ActivityContext(world.database, world.settings, world.client)
        self.repository = repository
        self.branch = f"paceline/{project}/sprint"
        self._names = Names(project=project, sprint="Sprint", epic="Epic 1", story="Story 1.1", attempt=1)
        self.fence = 0
        self.commit = ""

    async def begin(self) -> None:
        """Make the branch, take the claim, and commit work on the branch's head."""
        sprint = SprintStep(project=self._names["project"], sprint="Sprint")
        await ActivityEnvironment().run(OutlineActivities(self._context).load_sprint, sprint)
        claim = ClaimStep(**self._names)
        reply = await ActivityEnvironment().run(ClaimActivities(self._context).claim_story, claim)
        assert reply.fence is not None
        self.fence = reply.fence
        tree = git_lines(self.repository, "rev-parse", "HEAD^{tree}")[0]
        author = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
        self.commit = git_lines(self.repository, *author, "commit-tree", tree, "-p", "HEAD", "-m", "work")[0]

    async def land(self, fence: int) -> LandReport:
        """Verify and merge under a fencing number."""
        step = LandStep(**self._names, fence=fence, commit=self.commit)
        return await ActivityEnvironment().run(LandingActivities(self._context).land_story, step)

    async def release(self) -> None:
        """Give the claim back, as a story that was cancelled does."""
        step = SettleStep(**self._names, state=StoryState.CANCELLED, attempts=1)
        await ActivityEnvironment().run(ClaimActivities(self._context).settle_story, step)

    def head(self) -> str:
        """Where the sprint's branch is."""
        return git_lines(self.repository, "rev-parse", self.branch)[0]


@pytest_asyncio.fixture
async def story(tmp_path: Path, temporal_server: EmbeddedServer) -> AsyncGenerator[Story]:
    """A story that holds its claim."""
    repository = make_repository(tmp_path / "repository")
    project = f"p-{uuid.uuid4().hex[:10]}"
    async with open_world(tmp_path / "home", temporal_server.address) as world:
        text = plan(E("1", [S("1.1", files=("a.txt",))]))
        run = await world.start(text, project=project, repository=repository, agents=scripted())
        await world.client.get_workflow_handle(run.id).terminate("the test drives the steps itself")
        found = Story(world, repository, project)
        await found.begin()
        yield found
        assert await world.database.read(claims.list_claims, None, ["waiting"]) == []


async def test_a_holder_merges_once_however_often_it_is_asked(story: Story) -> None:
    before = story.head()
    reports = await asyncio.gather(*(story.land(story.fence) for _ in range(3)))
    assert {report.merge_commit for report in reports} == {story.head()}
    assert git_lines(story.repository, "rev-list", "--merges", f"{before}..{story.branch}") == [story.head()]


@pytest.mark.parametrize("difference", [-1, 1])
async def test_another_fence_does_not_merge(story: Story, difference: int) -> None:
    before = story.head()
    with pytest.raises(StaleFence):
        await story.land(story.fence + difference)
    assert story.head() == before


async def test_after_its_release_the_same_fence_does_not_merge(story: Story) -> None:
    before = story.head()
    await story.release()
    with pytest.raises(StaleFence):
        await story.land(story.fence)
    assert story.head() == before
