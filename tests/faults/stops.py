"""Named steps of a story, and a worker that stops at one of them until it is killed or told to go on.

A stop is a folder: whoever reaches it makes `reached` there, once, and waits for `go`. Nothing of this is in
the product; the worker's process wraps the functions that have the steps' effects.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Literal

import temporalio.bridge.worker
from sqlalchemy.orm import Session

import activities.attempts
import activities.candidates
import activities.claims
import activities.merge_round
import activities.outlines
import activities.people
import activities.proof
import activities.status
import activities.turns
import activities.work
import activities.worktrees
from paceline.agents import supervised
from paceline.settings import Settings
from paceline.store.database import Database
from workers.all_in_one import serve_worker

Side = Literal["before", "inside", "after"]
"""Of a step's effect; inside: in the transaction, where everything is written and nothing committed."""

LONGEST_STOP = 40.0


@dataclass(frozen=True)
class Stop:
    """Where a worker stops.

    Args:
        folder: of the cell.
        side: of the step's effect.
        arms: do not wait; let the git on PATH kill itself while the step lasts.
    """

    folder: Path
    side: Side
    arms: bool = False

    def reached(self, side: Side) -> bool:
        """Whether this is the place, for the first time."""
        if side != self.side or self.arms:
            return False
        try:
            os.close(os.open(self.folder / "reached", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    def wait(self, side: Side) -> None:
        """Stop this thread here."""
        if self.reached(side):
            deadline = time.monotonic() + LONGEST_STOP
            while not self._may_go() and time.monotonic() < deadline:
                time.sleep(0.02)

    async def reach(self, side: Side) -> None:
        """Stop this coroutine here."""
        if self.reached(side):
            deadline = time.monotonic() + LONGEST_STOP
            while not self._may_go() and time.monotonic() < deadline:  # noqa: ASYNC110 - told by another process
                await asyncio.sleep(0.02)

    @contextlib.contextmanager
    def armed(self) -> Generator[None]:
        """While the step lasts, git may kill itself."""
        if not self.arms:
            yield
            return
        (self.folder / "armed").touch()
        try:
            yield
        finally:
            (self.folder / "armed").unlink(missing_ok=True)

    def _may_go(self) -> bool:
        return (self.folder / "go").exists()


Arm = Callable[[Stop], None]


def around(place: Any, attribute: str) -> Arm:
    """Stops before and after a coroutine function."""

    def arm(stop: Stop) -> None:
        original = getattr(place, attribute)

        async def stopping(*args: Any, **kwargs: Any) -> Any:
            await stop.reach("before")
            with stop.armed():
                result = await original(*args, **kwargs)
            await stop.reach("after")
            return result

        setattr(place, attribute, stopping)

    return arm


def around_call(place: Any, attribute: str) -> Arm:
    """Stops before and after a function."""

    def arm(stop: Stop) -> None:
        original = getattr(place, attribute)

        def stopping(*args: Any, **kwargs: Any) -> Any:
            stop.wait("before")
            result = original(*args, **kwargs)
            stop.wait("after")
            return result

        setattr(place, attribute, stopping)

    return arm


def around_write(place: Any, attribute: str) -> Arm:
    """Stops before a transaction, in it when all is written, and after its commit."""

    def arm(stop: Stop) -> None:
        original, write = getattr(place, attribute), Database.write

        def inside(session: Session, *args: Any, **kwargs: Any) -> Any:
            result = original(session, *args, **kwargs)
            session.flush()
            stop.wait("inside")
            return result

        async def stopping(self: Database, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            # A transaction may begin with something else and take it as an argument.
            ours = any(each is inside for each in (fn, *args))
            if ours:
                await stop.reach("before")
            result = await write(self, fn, *args, **kwargs)
            if ours:
                await stop.reach("after")
            return result

        setattr(place, attribute, inside)
        Database.write = stopping

    return arm


def _record_of_merge(stop: Stop) -> None:
    """The record is written in the transaction that moves the ref."""
    original = activities.candidates.record_merge
    move = activities.merge_round.MergeRound._move  # pyright: ignore[reportPrivateUsage] - its end is the commit

    def inside(session: Session, *args: Any, **kwargs: Any) -> None:
        stop.wait("before")
        original(session, *args, **kwargs)
        session.flush()
        stop.wait("inside")

    async def stopping(*args: Any, **kwargs: Any) -> Any:
        result = await move(*args, **kwargs)
        await stop.reach("after")
        return result

    activities.candidates.record_merge = inside
    activities.merge_round.MergeRound._move = stopping  # pyright: ignore[reportPrivateUsage]


def _end_of_workflow(stop: Stop) -> None:
    """A story tells its epic with the command that completes its workflow; only stories tell of attempts."""
    worker = temporalio.bridge.worker.Worker
    complete = worker.complete_workflow_activation

    async def stopping(self: Any, comp: Any) -> None:
        commands = comp.successful.commands
        ends = [each for each in commands if each.HasField("complete_workflow_execution")]
        ours = any(b'"merge_commit"' in each.SerializeToString() for each in ends)
        if ours:
            await stop.reach("before")
        await complete(self, comp)
        if ours:
            await stop.reach("after")

    worker.complete_workflow_activation = stopping


@dataclass(frozen=True)
class Step:
    """One step of a story.

    Args:
        arm: makes a worker stop there; None: the agent itself stops.
        sides: where a kill is tried.
        git: the git command that has the effect, if one has.
        alive: the sides at which the agent's process lives.
        kind: what the story is like: its first attempt `fails`, or it `asks` before the merge.
    """

    name: str
    arm: Arm | None
    sides: tuple[Side, ...] = ("before", "after")
    git: str = ""
    alive: tuple[Side, ...] = ()
    kind: Literal["", "fails", "asks"] = ""


IN_TRANSACTION: tuple[Side, ...] = ("before", "inside", "after")
STEPS = (
    Step("branch made", around(activities.outlines, "ensure_branch"), git="update-ref"),
    Step("claim granted", around_write(activities.claims, "_claim"), IN_TRANSACTION),
    Step("worktree made", around(activities.worktrees, "prepare_worktree"), git="read-tree"),
    Step("agent started", around_call(supervised._Starter, "start"), ("before",)),  # pyright: ignore[reportPrivateUsage]
    Step("agent started", None, ("after",), alive=("after",)),
    Step("agent wrote files", None, alive=("before", "after")),
    Step("agent ended", None, ("before",), alive=("before",)),
    Step("agent ended", around(activities.turns, "run_command_agent"), ("after",)),
    Step("work committed", around(activities.work, "collect_work"), git="update-ref"),
    Step("candidate built", around(activities.candidates, "candidate_on"), git="commit-tree"),
    Step("checks ran", around(activities.proof, "run_checks")),
    Step("evidence kept", around(activities.proof.CandidateProof, "record")),
    Step("ref moved", around(activities.merge_round, "advance"), git="update-ref"),
    Step("merge recorded", _record_of_merge, IN_TRANSACTION),
    Step("claim released", around_write(activities.claims, "settle"), IN_TRANSACTION),
    Step("epic told", _end_of_workflow),
    Step("work preserved", around(activities.attempts, "preserve"), git="update-ref", kind="fails"),
    Step("worktree removed", around(activities.attempts, "remove_worktree"), git="update-ref", kind="fails"),
    Step("attempt ended", around_write(activities.attempts, "_record_end"), IN_TRANSACTION, kind="fails"),
    Step("bundle made", around(activities.status, "build_bundle")),
    Step("question asked", around_write(activities.people, "_ask"), IN_TRANSACTION, kind="asks"),
    Step("answer recorded", around_write(activities.people, "_answered"), IN_TRANSACTION, kind="asks"),
)


def _end_with_the_tests() -> None:
    """The process that forks workers outlives killed tests for as long as one of them does."""
    tests = multiprocessing.parent_process()
    if tests is not None:
        wait([tests.sentinel])
        os._exit(1)


def run_worker(environment: Mapping[str, str], log: Path, step: int | None, stop: Stop) -> None:
    """A worker's whole process, as `paceline worker` runs it, but with a stop.

    Args:
        environment: variables beside the own ones.
        log: gets what it says.
        step: place in `STEPS`; None: no stop.
        stop: what to do there.
    """
    threading.Thread(target=_end_with_the_tests, daemon=True).start()
    descriptor = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.environ.update(environment)
    arm = STEPS[step].arm if step is not None else None
    if arm is not None:
        arm(stop)
    asyncio.run(serve_worker(Settings(), lambda sentence: None))
