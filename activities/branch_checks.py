"""Commands on the head of a sprint's branch, in a checkout, confined and supervised like checks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from temporalio import activity

from activities.confinement import around_checkout, sandbox_of
from activities.context import ActivityContext, RunContext
from paceline.agents.checks import CheckRun, run_checks
from paceline.agents.confinement import Confinement
from paceline.vcs.verification import verification_checkout


@dataclass(frozen=True)
class BranchCheckout:
    """A checkout that commands can be run in."""

    commit: str
    path: Path
    timeout: float
    """Seconds for each command."""
    confinement: Confinement | None

    async def run(self, commands: Sequence[str], logs: Path, *, apart: bool = False) -> list[CheckRun]:
        """Run commands one after the other; arguments as for `run_checks`."""
        return await run_checks(
            self.path,
            commands,
            self.timeout,
            [],
            logs,
            heartbeat=lambda details: activity.heartbeat(details),
            confinement=self.confinement,
            apart=apart,
        )


@asynccontextmanager
async def on_branch(context: ActivityContext, run: RunContext, sprint: str) -> AsyncGenerator[BranchCheckout]:
    """A checkout of what a sprint's branch is now; removed at the end.

    Args:
        context: the services of this process.
        run: one with a repository.
        sprint: whose branch.
    """
    repository = await context.repository(run)
    head = await repository.resolve(f"refs/heads/{run.branch(sprint)}") or run.run.base_commit or "HEAD"
    settings = context.settings
    sandbox = await sandbox_of(context, run, repository)
    async with verification_checkout(repository, settings.worktree_root, head) as checkout:
        path = Path(checkout)
        yield BranchCheckout(head, path, settings.check_timeout, around_checkout(sandbox, path))
