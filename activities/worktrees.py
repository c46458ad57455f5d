"""A worktree made ready before an agent is paid, and watched while the agent works in it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from temporalio import activity

from activities.confinement import around_checkout
from activities.context import ActivityContext, RunContext
from activities.files import Keeper
from paceline.agents.confinement import Sandbox
from paceline.agents.environment import allowed_environment
from paceline.agents.outputs import tail
from paceline.agents.supervised import RunExit, RunSpec, run_supervised
from paceline.contracts import WorkStep
from paceline.domain.plan import Story
from paceline.errors import DiskQuota, RepositoryError, WorktreeSetup
from paceline.settings import Settings
from paceline.vcs.attempts import Attempt, read_attempt, record_folder
from paceline.vcs.caches import restore_caches, save_caches
from paceline.vcs.diff import changed_paths
from paceline.vcs.disk import attempt_usage, is_over_quota, mark_over_quota, require_room
from paceline.vcs.options import WorktreeOptions, read_worktree_options
from paceline.vcs.repository import Repository
from paceline.vcs.snapshot import take_snapshot
from paceline.vcs.support import require_supported
from paceline.vcs.worktrees import prepare_worktree

_SET_UP = "set-up"
"""Marks the record of a worktree whose set-up is over; from then on what changes is the agent's."""
_REST = 20
"""Looking at a worktree's size takes at most one part in so many of the time."""
_LEAST_REST = 2.0


@dataclass(frozen=True)
class Site:
    """Where one attempt is made ready; `base` is the commit that its work is measured from.

    A set-up command runs what earlier stories brought, so it is confined as agents are.
    """

    context: ActivityContext
    run: RunContext
    story: Story
    step: WorkStep
    repository: Repository
    base: str
    sandbox: Sandbox

    async def ready(self, start: str | None, leave_running: Callable[[], bool]) -> Path:
        """The attempt's worktree, set up; a repeat finds it as it is.

        Args:
            start: ref of an earlier attempt's preserved work.
            leave_running: see `run_supervised`.

        Raises:
            RepositoryUnsupported: worktrees cannot give an agent all of this repository.
            DiskFull: too little room for another attempt.
            WorktreeSetup: the set-up command failed.
            RepositoryError: git refused.
        """
        settings, step = self.context.settings, self.step
        options = await asyncio.to_thread(read_worktree_options, self.repository.path)
        await require_supported(self.repository, self.base, submodules=options.submodules)
        await asyncio.to_thread(require_room, settings.worktree_root, settings.worktree_min_free)
        worktree = await prepare_worktree(
            self.repository,
            settings.worktree_root,
            step.project,
            self.story.id,
            step.attempt,
            self.base,
            start,
        )
        command = options.command(self.run.lead(self.story))
        done = record_folder(worktree) / _SET_UP
        if command and not done.exists():
            attempt = read_attempt(worktree)
            if attempt is None:
                raise RepositoryError(f"The record of {worktree} is gone; try again.", path=str(worktree))
            await self._set_up(attempt, command, options, leave_running)
            done.touch()
        return worktree

    async def _set_up(
        self, attempt: Attempt, command: str, options: WorktreeOptions, leave_running: Callable[[], bool]
    ) -> None:
        await restore_caches(self.repository, attempt, options.reuse)
        run_dir = record_folder(attempt.worktree) / "set-up-run"
        lead = self.run.declaration(self.run.lead(self.story))
        spec = RunSpec(
            argv=["/bin/sh", "-c", command],
            cwd=attempt.worktree,
            environment=allowed_environment(lead.environment),
            timeout=options.setup_timeout,
            one_stream=True,
            grace=self.context.settings.agent_grace,
            adoption_grace=self.context.settings.adoption_grace,
            confinement=around_checkout(self.sandbox, attempt.worktree),
        )
        ended = await run_supervised(run_dir, spec, lambda facts: activity.heartbeat(facts), leave_running)
        await self._keep_output(run_dir / "stdout")
        if ended.reason != "exited" or ended.exit_code:
            raise WorktreeSetup(_why(command, ended, run_dir / "stdout"), command=command)
        snapshot = await take_snapshot(self.repository, attempt)
        changed = await changed_paths(self.repository, attempt.start, snapshot.tree)
        if changed:
            shown = ", ".join(each.path for each in changed[:10])
            raise WorktreeSetup(
                f"The set-up command `{command}` changed {shown}, which would be part of every story's work; "
                "let git ignore it, or commit it.",
                command=command,
            )
        await save_caches(self.repository, attempt, options.reuse)

    async def _keep_output(self, output: Path) -> None:
        if output.is_file() and output.stat().st_size:
            log = self.context.attempt_folder(self.step) / "set-up.log"
            await asyncio.to_thread(shutil.copyfile, output, log)
            await Keeper(self.context, self.step).keep("log", log)


def _why(command: str, ended: RunExit, output: Path) -> str:
    what = "ran out of time" if ended.reason == "timeout" else f"exited with {ended.exit_code}"
    if ended.reason not in ("exited", "timeout"):
        what = f"was stopped ({ended.reason})"
    said = (tail(output, 1000) if output.is_file() else "") or ended.error or "no output"
    return f"The set-up command `{command}` {what}: {said}"


@asynccontextmanager
async def watching_disk(worktree: Path, run_dir: Path, settings: Settings) -> AsyncGenerator[None]:
    """Stop the agent's run as soon as its worktree takes more room than an attempt may."""

    async def watch() -> None:
        while True:
            began = time.monotonic()
            if await _look(worktree, settings):
                with contextlib.suppress(FileNotFoundError):
                    (run_dir / "cancel").touch()
                    return
            await asyncio.sleep(max(_LEAST_REST, _REST * (time.monotonic() - began)))

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def quota_exceeded(worktree: Path, settings: Settings) -> str | None:
    """Why an attempt whose agent has ended took too much room; None where it did not."""
    if not await _look(worktree, settings):
        return None
    return (
        f"The worktree took more than {settings.worktree_disk_quota // 1_000_000} MB or "
        f"{settings.worktree_file_quota} files ({DiskQuota.code}); its work is preserved up to a bound."
    )


async def _look(worktree: Path, settings: Settings) -> bool:
    if is_over_quota(worktree):
        return True
    quota = (settings.worktree_disk_quota, settings.worktree_file_quota)
    over = (await asyncio.to_thread(attempt_usage, worktree, *quota)).over(*quota)
    if over:
        mark_over_quota(worktree)
    return over
