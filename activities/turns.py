"""A collaborative story's agents, one after the other in one worktree; done once, by all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from temporalio import activity

from activities.confinement import around_checkout
from activities.context import RunContext
from activities.worktrees import quota_exceeded, watching_disk
from paceline.agents.command import AgentRun, run_command_agent
from paceline.agents.confinement import Sandbox
from paceline.domain.work import TurnOrder, WorkOrder, WorkOutcome
from paceline.errors import DiskQuota
from paceline.settings import Settings


@dataclass(frozen=True)
class Turns:
    """What the turns of one attempt have in common.

    Args:
        run: the run.
        agents: in the order of their turns; the first leads.
        folder: the attempt's; each turn's run has one of its own below it.
        worktree: where all of them work.
        settings: limits and timings.
        sandbox: what confines them.
        variables: more of their environment.
        leave_running: asked on cancellation, as `run_command_agent` does.
        tell_run: told of each run that ended, with the agent and the run's name; again after a kill.
    """

    run: RunContext
    agents: list[str]
    folder: Path
    worktree: Path
    settings: Settings
    sandbox: Sandbox
    variables: Mapping[str, str]
    leave_running: Callable[[], bool]
    tell_run: Callable[[str, str, AgentRun], Awaitable[None]]

    async def work(self, order: WorkOrder) -> list[AgentRun]:
        """Let each agent work once on what those before it left; who is not done ends it.

        A turn that ended is read again and not run again, also after the worker died.

        Returns:
            The turns that were had, in their order; the last one's result is the attempt's.
        """
        turns: list[AgentRun] = []
        before: list[str] = []
        for number, agent in enumerate(self.agents, 1):
            given = order
            if len(self.agents) > 1:
                turn = TurnOrder(number=number, of=len(self.agents), before=list(before))
                given = order.model_copy(update={"agent": agent, "turn": turn})
            done = await self.take(agent, given, "run" if number == 1 else f"run-{number}")
            turns.append(done)
            if done.result is None or done.result.outcome is not WorkOutcome.DONE:
                break
            before.append(f"{agent}: {done.result.summary[:2000]}")
        return turns

    async def take(self, agent: str, order: WorkOrder, name: str) -> AgentRun:
        """Run one agent once, under a name of its own in the attempt's folder."""
        place = self.folder / name
        async with watching_disk(self.worktree, place, self.settings):
            done = await run_command_agent(
                self.run.declaration(agent),
                order,
                place,
                self.worktree,
                lambda details: activity.heartbeat(details),
                self.settings,
                self.leave_running,
                self.variables,
                around_checkout(self.sandbox, self.worktree, place),
            )
        await self.tell_run(agent, name, done)
        too_much = await quota_exceeded(self.worktree, self.settings)
        if too_much is not None:
            return replace(done, result=None, code=DiskQuota.code, reason=too_much)
        return done


def summed_up(turns: list[AgentRun], agents: list[str]) -> AgentRun:
    """The attempt's outcome: the last turn's, with what each agent says that it did."""
    last = turns[-1]
    if len(turns) == 1 or last.result is None:
        return last
    said = [
        f"{agent}: {turn.result.summary}"
        for agent, turn in zip(agents, turns, strict=False)
        if turn.result and turn.result.summary
    ]
    needs = [path for turn in turns if turn.result for path in turn.result.needs_files]
    update = {"summary": "\n".join(said)[:20_000], "needs_files": list(dict.fromkeys(needs))[:1000]}
    return replace(last, result=last.result.model_copy(update=update))
