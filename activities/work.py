"""One attempt of one agent: a worktree, a work order, a run that is never paid for twice, and its diff."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session
from temporalio import activity

from activities.checkout_watch import CheckoutWatch
from activities.confinement import sandbox_of, unconfined_draft
from activities.conflicts import resume, session_draft
from activities.context import ActivityContext, RunContext
from activities.files import Keeper, write_whole
from activities.heartbeat import heartbeating
from activities.no_change import EMPTY_DIFF
from activities.orders import story_order
from activities.reports import has_clock
from activities.rounds import Rounds, review_event
from activities.sprint_records import wanted_improvements
from activities.turns import Turns, summed_up
from activities.usage import run_draft
from activities.wishes import (
    LOST_REPORT,
    Held,
    claim_environment,
    claimed_patterns,
    end_of_work,
    judge_wish,
    take_wish_back,
)
from activities.worktrees import Site
from paceline.agents.command import AgentRun
from paceline.agents.confinement import Sandbox
from paceline.agents.simulated import simulate
from paceline.contracts import WorkReport, WorkStep
from paceline.domain import ids
from paceline.domain.events import EventDraft, EventType
from paceline.domain.globs import covers
from paceline.domain.plan import Story
from paceline.domain.states import FINAL_STATES, StoryState
from paceline.domain.work import (
    AgentDeclaration,
    Delivered,
    EarlierAttempt,
    PeerReview,
    WorkOrder,
    WorkOutcome,
)
from paceline.errors import (
    RepositoryError,
    RepositoryUnsupported,
    SandboxUnavailable,
    StaleFence,
    UnclaimedChange,
    WorktreeSetup,
)
from paceline.store import claims, events, status
from paceline.vcs.diff import diff_text
from paceline.vcs.repository import Repository
from paceline.vcs.work import WorkCommit, collect_work

_DIFF_LIMIT = 5_000_000
_GIT_TRIES = 4
"""A refusal of git's that stays so often is no passing one, and ends the attempt."""
_FRESH_START = {"UNCLAIMED_CHANGE"}
"""After this the preserved work is no good start: it would fail the same way. The order names its ref."""


class WorkActivities:
    """Let agents work."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="do-work")
    async def do_work(self, step: WorkStep) -> WorkReport:
        """Do one attempt. A run that finished is taken from the artifact folder, not run again."""
        run = await self._context.run(step.project, step.revision)
        story = run.story(step.story)
        declaration = run.declaration(run.lead(story))

        async def tell_registry() -> None:
            for name in story.agents:
                await self._context.database.write(status.heartbeat_agent, step.project, name)

        async with heartbeating(tell_registry):
            if declaration.kind == "simulated":
                return await _simulated(
                    declaration, self._order(run, story, step, [], {}, run.patterns(story))
                )
            stored = self._context.attempt_folder(step) / "report.json"
            if stored.exists():
                return WorkReport.model_validate_json(stored.read_text())
            repository = await self._context.repository(run)
            try:
                sandbox = await sandbox_of(self._context, run, repository, declaration)
                await self._context.database.write(_begin, run, story, step, sandbox)
                delivered, claimed = await self._context.database.read(_begun, run, story)
                preserved = await self._preserved(repository, step)
                order = self._order(run, story, step, delivered, preserved, claimed)
                if has_clock(run):
                    order.improvements = await self._context.database.read(
                        wanted_improvements, run, step.sprint
                    )
                return await self._command(run, story, step, order, stored, sandbox)
            except (WorktreeSetup, SandboxUnavailable) as error:
                return WorkReport(outcome=WorkOutcome.FAILED, code=error.code, reason=error.message[:2000])
            except RepositoryError as error:
                # A finished run is kept and read again, so another look at git costs no other run.
                if activity.info().attempt < _GIT_TRIES and not isinstance(error, RepositoryUnsupported):
                    raise
                return WorkReport(outcome=WorkOutcome.FAILED, code=error.code, reason=error.message[:2000])

    async def _command(
        self, run: RunContext, story: Story, step: WorkStep, order: WorkOrder, stored: Path, sandbox: Sandbox
    ) -> WorkReport:
        repository = await self._context.repository(run)
        folder = stored.parent
        folder.mkdir(parents=True, exist_ok=True)
        base = await self._base(repository, run.branch(step.sprint), folder)
        settings = self._context.settings
        site = Site(self._context, run, story, step, repository, base, sandbox)
        start, conflict = await resume(run, repository, run.branch(step.sprint), base, self._start(step))
        order = order.model_copy(update={"conflict": conflict})
        if conflict is not None:
            draft = session_draft(run, story, step, conflict)
            await self._context.database.write(events.append_events, step.project, [draft])
        watch = CheckoutWatch(self._context, repository, step, folder / "checkout.json")
        worktree, _ = await asyncio.gather(site.ready(start, _leave_running), watch.begin())
        agents = run.takes_turns(story)
        together = Turns(
            run=run,
            agents=agents,
            folder=folder,
            worktree=worktree,
            settings=settings,
            sandbox=sandbox,
            variables=claim_environment(settings, run, step, step.fence),
            leave_running=_leave_running,
            tell_run=partial(self._tell_run, run, story, step),
        )
        title = f"{story.id}: {' '.join(story.title.split())[:120]}"

        async def collect() -> WorkCommit:
            return await collect_work(worktree, base, title, self._trailers(run, story, step))

        if rounds := run.rounds(story):
            tell = partial(self._tell_review, run, story, step)
            turns = await Rounds(together, rounds, base, collect, tell).work(order)
            done = turns[-1]
        else:
            turns = await together.work(order)
            done = summed_up(turns, agents)
        work, _ = await asyncio.gather(collect(), watch.end())
        held = await self._context.database.read(end_of_work, run, story, step.fence)
        if held.wished:
            await self._context.tell(await self._context.database.write(take_wish_back, run, story))
        report = self._judge(story, done, work, held)
        await self._keep(step, repository, work, turns)
        write_whole(stored, report.model_dump_json())
        return report

    async def _tell_review(self, run: RunContext, story: Story, step: WorkStep, review: PeerReview) -> None:
        draft = review_event(run.workflow_id(story), story.id, step.attempt, review)
        await self._context.database.write(events.append_events, run.run.id, [draft])

    async def _tell_run(
        self, run: RunContext, story: Story, step: WorkStep, agent: str, name: str, done: AgentRun
    ) -> None:
        draft = run_draft(run.workflow_id(story), story.id, step.attempt, agent, name, done)
        await self._context.database.write(events.append_events, run.run.id, [draft])

    def _judge(self, story: Story, done: AgentRun, work: WorkCommit, held: Held) -> WorkReport:
        """What the attempt came to: its claim, the agent's word, then its diff against its claim."""
        changed = [change.path for change in work.changed]
        failed = WorkReport(
            outcome=WorkOutcome.FAILED,
            code=done.code,
            reason=done.reason[:2000],
            commit=work.commit,
            changed=changed[:200],
            changed_count=len(changed),
        )
        if held.lost:
            return failed.model_copy(update=LOST_REPORT)
        if done.result is None:
            return failed
        result = done.result
        if result.needs_files and result.outcome in (WorkOutcome.DONE, WorkOutcome.BLOCKED):
            asked = judge_wish(story, result.needs_files, held)
            if asked:
                return failed.model_copy(update={"summary": result.summary[:2000], **asked})
        report = WorkReport(
            outcome=result.outcome,
            code="" if result.outcome is WorkOutcome.DONE else "AGENT",
            reason=(result.question or result.summary)[:2000],
            summary=result.summary[:2000],
            question=result.question,
            options=[text[:2000] for text in result.options if text.strip()],
            commit=work.commit,
            changed=changed[:200],
            changed_count=len(changed),
        )
        if result.outcome is not WorkOutcome.DONE:
            return report
        patterns = held.patterns
        foreign = [path for path in changed if not covers(patterns, path)]
        if foreign:
            shown = ", ".join(foreign[:10])
            return report.model_copy(
                update={
                    "outcome": WorkOutcome.FAILED,
                    "code": UnclaimedChange.code,
                    "reason": f"The agent changed {shown}, which {story.id} did not claim "
                    f"(it claimed {', '.join(patterns[:10])}).",
                }
            )
        if work.commit is None and story.change != "optional":
            return report.model_copy(
                update={
                    "outcome": WorkOutcome.FAILED,
                    "code": EMPTY_DIFF,
                    "reason": f"The agent says that {story.id} is done and changed nothing.",
                }
            )
        return report

    def _order(
        self,
        run: RunContext,
        story: Story,
        step: WorkStep,
        delivered: list[Delivered],
        preserved: dict[int, str],
        claimed: list[str],
    ) -> WorkOrder:
        order = story_order(run, story, run.lead(story), step.attempt)
        order.claimed, order.delivered, order.amendments = claimed, delivered, step.amendments
        order.earlier_attempts = [
            EarlierAttempt(
                attempt=failure.attempt,
                reason_code=failure.code,
                reason=failure.reason,
                preserved_ref=preserved.get(failure.attempt),
            )
            for failure in step.failures
        ]
        return order

    async def _preserved(self, repository: Repository, step: WorkStep) -> dict[int, str]:
        """The refs with earlier attempts' work; an attempt that changed nothing has none."""
        refs = {
            each.attempt: ids.preserved_ref(step.project, step.story, each.attempt) for each in step.failures
        }
        return {number: ref for number, ref in refs.items() if await repository.resolve(ref) is not None}

    def _start(self, step: WorkStep) -> str | None:
        """The preserved work to start from, where there is some and it is a good start."""
        if not step.failures or step.failures[-1].code in _FRESH_START:
            return None
        return ids.preserved_ref(step.project, step.story, step.failures[-1].attempt)

    async def _base(self, repository: Repository, branch: str, folder: Path) -> str:
        """The sprint branch when the attempt began; the same again after a crash."""
        note = folder / "base"
        if note.exists():
            return note.read_text().strip()
        head = await repository.resolve(f"refs/heads/{branch}") or await repository.head_commit()
        write_whole(note, head + "\n")
        return head

    async def _keep(
        self, step: WorkStep, repository: Repository, work: WorkCommit, turns: list[AgentRun]
    ) -> None:
        keeper = Keeper(self._context, step)
        for files in (turn.files for turn in turns):
            await keeper.keep_of_run("work-order", files.order)
            await keeper.keep_of_run("transcript", files.stdout)
            await keeper.keep_of_run("transcript", files.stderr)
        if work.commit is not None:
            diff = self._context.attempt_folder(step) / "work.diff"
            diff.write_text(await diff_text(repository, work.base, work.commit, _DIFF_LIMIT))
            await keeper.keep("diff", diff)

    def _trailers(self, run: RunContext, story: Story, step: WorkStep) -> dict[str, str]:
        return {
            "Paceline-Work": run.workflow_id(story),
            "Paceline-Attempt": str(step.attempt),
            "Paceline-Fence": str(step.fence),
        }


async def _simulated(declaration: AgentDeclaration, order: WorkOrder) -> WorkReport:
    """Wait as long as the simulated agent would work; it touches neither files nor the database."""
    seconds, result = simulate(declaration, order)
    await asyncio.sleep(seconds)
    return WorkReport(
        outcome=result.outcome,
        code="" if result.outcome is WorkOutcome.DONE else "AGENT_EXIT",
        reason=result.summary[:2000],
        summary=result.summary[:2000],
    )


def _leave_running() -> bool:
    """An agent is stopped when its story is cancelled, not when a worker goes and another will adopt it."""
    details = activity.cancellation_details()
    return details is not None and not details.cancel_requested


def _begin(session: Session, run: RunContext, story: Story, step: WorkStep, sandbox: Sandbox) -> None:
    """Note that the attempt works now, and how; one that was replaced does not start an agent."""
    claims.check_fence(session, run.workflow_id(story), step.fence)
    row = status.story_status(session, step.project, story.id)
    if row.attempt > step.attempt or row.state in FINAL_STATES:
        raise StaleFence(f"Attempt {step.attempt} of {story.id} was replaced by attempt {row.attempt}.")
    if row.attempt != step.attempt or row.state is not StoryState.WORKING:
        status.set_story(session, step.project, story.id, state=StoryState.WORKING, attempt=step.attempt)
    drafts = [_started(run, story, step, sandbox)]
    if sandbox.program is None and not sandbox.by_choice:
        drafts.insert(0, unconfined_draft(step.project, sandbox))
    events.append_events(session, step.project, drafts)


def _started(run: RunContext, story: Story, step: WorkStep, sandbox: Sandbox) -> EventDraft:
    confined = {"confined": sandbox.program is not None}
    return EventDraft(
        key=f"{run.workflow_id(story)}#attempt-{step.attempt}-started",
        type=EventType.WORKFLOW_EVENT,
        name="attempt.started",
        story=story.id,
        data={
            "attempt": step.attempt,
            "agent": run.lead(story),
            "agents": run.takes_turns(story),
            **confined,
        },
    )


def _begun(session: Session, run: RunContext, story: Story) -> tuple[list[Delivered], list[str]]:
    return _delivered(session, run, story), claimed_patterns(session, run, story)


def _delivered(session: Session, run: RunContext, story: Story) -> list[Delivered]:
    found: list[Delivered] = []
    for key in run.edges.get(story.id, []):
        row = status.story_status(session, run.run.id, key)
        found.append(
            Delivered(
                story=key, title=run.story(key).title, summary=row.summary or "", commit=row.merge_commit
            )
        )
    return found
