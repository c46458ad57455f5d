"""A reviewing agent's advice on criteria that no command proves. It is stored as advice, never as proof."""

from __future__ import annotations

from pathlib import Path

from temporalio import activity

from activities.confinement import around_checkout, sandbox_of
from activities.context import ActivityContext, RunContext
from activities.files import Keeper, write_whole
from activities.heartbeat import heartbeating
from activities.orders import story_order
from activities.usage import run_draft
from paceline.agents.command import AgentRun, run_command_agent
from paceline.agents.outputs import read_result
from paceline.contracts import ReviewReport, ReviewStep
from paceline.domain.plan import Story
from paceline.domain.proof import claims_of, open_criteria
from paceline.domain.work import Criterion, ReviewRequest, WorkResult
from paceline.errors import RepositoryError, SandboxUnavailable
from paceline.store import events
from paceline.vcs.repository import Repository
from paceline.vcs.verification import verification_checkout

_MOST_ADVICE = 100


class ReviewActivities:
    """Let an agent review another's work."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="review-story")
    async def review_story(self, step: ReviewStep) -> ReviewReport:
        """Ask the reviewer about each criterion; a review that was finished is read, not paid for again."""
        run = await self._context.run(step.project, step.revision)
        story = run.story(step.story)
        folder = self._context.attempt_folder(step) / f"review-{step.commit[:12]}"
        stored = folder / "report.json"
        if stored.exists():
            return ReviewReport.model_validate_json(stored.read_text())
        async with heartbeating():
            repository = await self._context.repository(run)
            try:
                report = await self._review(run, story, step, repository, folder)
            except (RepositoryError, SandboxUnavailable) as error:
                return ReviewReport(reason=error.message[:2000])
        write_whole(stored, report.model_dump_json())
        return report

    async def _review(
        self, run: RunContext, story: Story, step: ReviewStep, repository: Repository, folder: Path
    ) -> ReviewReport:
        reviewer = run.run.options.reviewer or ""
        parent = None if step.unchanged else await repository.resolve(f"{step.commit}^")
        criteria = [Criterion(number=each.number, text=each.text) for each in open_criteria(claims_of(story))]
        asked = ReviewRequest(base=parent or step.commit, commit=step.commit, criteria=criteria)
        order = story_order(run, story, reviewer, step.attempt).model_copy(update={"review": asked})
        root = self._context.settings.worktree_root
        sandbox = await sandbox_of(self._context, run, repository, run.declaration(reviewer))
        async with verification_checkout(repository, root, step.commit) as checkout:
            done = await run_command_agent(
                run.declaration(reviewer),
                order,
                folder / "run",
                checkout,
                lambda details: activity.heartbeat(details),
                self._context.settings,
                confinement=around_checkout(sandbox, checkout, folder / "run"),
            )
        name = f"review-{step.commit[:12]}"
        draft = run_draft(run.workflow_id(story), story.id, step.attempt, reviewer, name, done)
        await self._context.database.write(events.append_events, step.project, [draft])
        await self._keep(step, done)
        return _report(done, {each.number for each in criteria})

    async def _keep(self, step: ReviewStep, done: AgentRun) -> None:
        keeper = Keeper(self._context, step)
        for file in (done.files.stdout, done.files.stderr):
            await keeper.keep_of_run("transcript", file)


def _report(done: AgentRun, asked: set[int]) -> ReviewReport:
    # A CLI with an event stream writes its advice to the result file beside it.
    written = read_result(done.files.result)
    result = written if isinstance(written, WorkResult) else done.result
    if done.result is None or result is None:
        return ReviewReport(reason=f"The review failed ({done.code}): {done.reason}"[:2000])
    by_number = {each.number: each for each in result.advice if each.number in asked}
    advice = [by_number[number] for number in sorted(by_number)][:_MOST_ADVICE]
    return ReviewReport(advice=advice, reason=result.summary[:2000])
