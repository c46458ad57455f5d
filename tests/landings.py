"""Stories that hold their claims and have work to land, driven by activities without their workflows."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from temporalio.testing import ActivityEnvironment

from activities.claims import ClaimActivities
from activities.context import ActivityContext
from activities.landing import LandingActivities
from activities.outlines import OutlineActivities
from paceline.contracts import ClaimStep, LandReport, LandStep, SettleStep, SprintStep
from paceline.domain.states import StoryState
from paceline.domain.status import Run
from paceline.store import merge_line
from paceline.store.merge_line import Entry
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines, scripted


class Names(TypedDict):
    """What every step of a story has in common."""

    project: str
    sprint: str
    epic: str
    story: str
    attempt: int


class Landings:
    """The stories of one run; `context` is that of one worker process."""

    def __init__(
        self, world: World, repository: Path, run: Run, context: ActivityContext | None = None
    ) -> None:
        self.world = world
        self.repository = repository
        self.run = run
        self.branch = f"paceline/{run.id}/sprint"
        self.context = context or ActivityContext(world.database, world.settings, world.client)
        self.fences: dict[str, int] = {}
        self.commits: dict[str, str] = {}

    @staticmethod
    async def of(
        world: World, repository: Path, project: str, stories: list[S], **options: object
    ) -> Landings:
        """Start a plan of these stories, take their claims, and end its workflow: the test does its steps."""
        text = plan(E("1", stories))
        run = await world.start(
            text,
            project=project,
            repository=repository,
            agents=scripted(concurrency=1000),
            max_parallel=1000,
            **options,
        )
        await world.client.get_workflow_handle(run.id).terminate("the test drives the steps itself")
        found = Landings(world, repository, run)
        sprint = SprintStep(project=run.id, sprint="Sprint")
        await ActivityEnvironment().run(OutlineActivities(found.context).load_sprint, sprint)
        for story in stories:
            await found.claim(f"Story {story.id}")
        return found

    def elsewhere(self, context: ActivityContext) -> Landings:
        """The same stories as another worker sees them."""
        other = Landings(self.world, self.repository, self.run, context)
        other.fences, other.commits = self.fences, self.commits
        return other

    def names(self, story: str) -> Names:
        """One story's names."""
        return Names(project=self.run.id, sprint="Sprint", epic="Epic 1", story=story, attempt=1)

    async def claim(self, story: str) -> None:
        """Take a story's claim."""
        step = ClaimStep(**self.names(story))
        reply = await ActivityEnvironment().run(ClaimActivities(self.context).claim_story, step)
        assert reply.fence is not None
        self.fences[story] = reply.fence

    def work(self, files: Mapping[str, Mapping[str, str]], base: str = "main") -> None:
        """Commit what each story changes, by story and path, on the commit that the run began at."""
        lines: list[str] = []
        for number, (story, changes) in enumerate(files.items()):
            lines += [f"commit refs/test/{number}", "committer Test <test@localhost> 1700000000 +0000"]
            lines += ["data 4", "work", f"from {git_lines(self.repository, 'rev-parse', base)[0]}"]
            for path, text in changes.items():
                lines += [f"M 100644 inline {path}", f"data {len(text.encode())}", text]
            lines.append("")
            self.commits[story] = f"refs/test/{number}"
        stream = "\n".join(lines).encode()
        subprocess.run(
            ["git", "fast-import", "--quiet", "--force"], cwd=self.repository, input=stream, check=True
        )
        for story in files:
            self.commits[story] = git_lines(self.repository, "rev-parse", self.commits[story])[0]

    def step(self, story: str, **fields: object) -> LandStep:
        """What a story's workflow asks for."""
        known = {**self.names(story), "fence": self.fences[story], "commit": self.commits[story]}
        return LandStep.model_validate({**known, **fields})

    async def land(self, story: str, landing: str = "1", **fields: object) -> LandReport:
        """Land a story; the same `landing` again is a repeat of the same activity."""
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(environment.info, activity_id=landing)
        return await environment.run(LandingActivities(self.context).land_story, self.step(story, **fields))

    async def stand_in_line(self, landing: str = "1") -> None:
        """Give every story its place, as tries that were stopped at once."""
        run = await self.context.run(self.run.id)
        line, database = run.line(self.branch), self.world.database
        name = f"{ActivityEnvironment().info.workflow_run_id}#{landing}"
        for story in self.commits:
            claim, step = run.workflow_id(run.story(story)), self.step(story).model_dump(mode="json")
            await database.write(merge_line.join_line, line, claim, name, step, "stopped")
            await database.write(merge_line.leave_line, line, claim, "stopped")

    async def release(self, story: str) -> None:
        """Give the claim back, as a story that was cancelled does."""
        step = SettleStep(**self.names(story), state=StoryState.CANCELLED, attempts=1)
        await ActivityEnvironment().run(ClaimActivities(self.context).settle_story, step)

    async def settle(self, story: str, merge_commit: str | None) -> None:
        """End a merged story, as its workflow does."""
        step = SettleStep(**self.names(story), state=StoryState.MERGED, merge_commit=merge_commit, attempts=1)
        await ActivityEnvironment().run(ClaimActivities(self.context).settle_story, step)

    async def entries(self) -> list[Entry]:
        """Everything in the merge line."""
        line = (await self.context.run(self.run.id)).line(self.branch)
        return await self.world.database.read(merge_line.entries_of, line)

    async def waiting(self, count: int) -> None:
        """Wait until so many stories are in the line with a try that is alive."""

        async def so_many() -> bool:
            alive = [each for each in await self.entries() if each.report is None and each.place.holder]
            return len(alive) >= count

        await self.world.until(so_many, f"{count} stories in the merge line")

    def head(self) -> str:
        """Where the sprint's branch is."""
        return git_lines(self.repository, "rev-parse", self.branch)[0]

    def merged(self) -> list[str]:
        """The stories with a merge on the branch, oldest first; one with two merges is there twice."""
        trailer = "--format=%(trailers:key=Paceline-Story,valueonly,separator=%x2C)"
        log = git_lines(
            self.repository, "log", "--reverse", "--first-parent", "--merges", trailer, self.branch
        )
        return [line.rpartition("/story-")[2] for line in log if line]

    async def recorded(self) -> list[str]:
        """The stories whose merge is in the events, in their order."""
        made = [each for each in await self.world.events(self.run.id) if each.name == "merge.made"]
        return [str(each.story).removeprefix("Story ") for each in made]
