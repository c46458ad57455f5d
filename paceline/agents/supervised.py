"""Starts, adopts, awaits and stops supervised runs; a run is known by its folder alone."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from paceline.agents import supervisor
from paceline.agents.confinement import Confinement
from paceline.agents.supervisor import start_time, write_json
from paceline.errors import AgentError

RUN_MARK = "PACELINE_RUN"
"""Variable in the environment of everything that belongs to a run; its value is the run's folder."""
OUTPUT_LIMIT = 32_000_000

Reason = Literal["exited", "timeout", "idle", "cancelled", "orphaned", "start_failed", "lost"]
Heartbeat = Callable[[dict[str, Any]], None]

# Without /proc every look starts a `ps`.
_EAGER = 0.03 if sys.platform == "linux" else 0.2
_EAGER_FOR, _CALM = 5.0, 0.25
_KEENEST = 0.004 if sys.platform == "linux" else _EAGER
_STARTS = 5


@dataclass(frozen=True)
class RunSpec:
    """What to run and how long. Durations are seconds.

    Args (fields):
        environment: the whole environment of the command; given to it, written nowhere.
        stdin: a file for its standard input; None is `/dev/null`.
        idle_timeout: the longest time without output; None is no limit.
        grace: between the polite and the final signal.
        adoption_grace: how long the command goes on while nobody waits for it.
        output_limit: bytes kept of each output stream.
        one_stream: both streams in the file `stdout`, in the order they were written.
        confinement: what stands around the command; None: nothing does.
    """

    argv: list[str]
    cwd: Path
    timeout: float
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    stdin: Path | None = None
    idle_timeout: float | None = None
    grace: float = 3.0
    adoption_grace: float = 120.0
    output_limit: int = OUTPUT_LIMIT
    one_stream: bool = False
    confinement: Confinement | None = None


@dataclass(frozen=True)
class RunExit:
    """How a run ended.

    `lost` means that its supervisor was killed: what the command would have done is not known.
    `exit_code` is negative for a signal and None where the command did not start. A confined command that a
    signal ended has 128 and the signal's number, as in a shell.
    """

    reason: Reason
    exit_code: int | None
    seconds: float
    error: str | None = None


def look(run_dir: Path) -> RunExit | Literal["running", "lost", "absent"]:
    """Where a run stands, read from its folder."""
    if (ended := _read_exit(run_dir)) is not None:
        return ended
    facts = _read_json(run_dir / "supervisor.json")
    if facts is None:
        return "absent"
    if facts["start"] is not None and start_time(int(facts["pid"])) == facts["start"]:
        return "running"
    # It may have ended between the two looks.
    return _read_exit(run_dir) or "lost"


async def run_supervised(
    run_dir: Path,
    spec: RunSpec,
    heartbeat: Heartbeat,
    leave_running: Callable[[], bool] = lambda: False,
) -> RunExit:
    """Run the command once for this folder, whoever asks and however often.

    A run that ended is returned, one under way is adopted, an absent one is started.

    Args:
        run_dir: the run's folder; made if absent.
        spec: read only where the run is started.
        heartbeat: called about every second with facts about the run; an exception in it ends the waiting
            and not the run.
        leave_running: asked when this call is cancelled. False stops the run and waits until nothing of it
            is left; True leaves it to be adopted within `adoption_grace`.

    Raises:
        AgentError: the supervisor itself does not start.
        asyncio.CancelledError: after the run was stopped or left.
    """
    run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    starter = _Starter(run_dir, spec)
    began = time.monotonic()
    next_beat = began
    try:
        while True:
            if time.monotonic() >= next_beat:
                (run_dir / "lease").touch()
                heartbeat(_facts(run_dir, time.monotonic() - began))
                next_beat = time.monotonic() + min(1.0, spec.adoption_grace / 4)
            state = look(run_dir)
            if isinstance(state, RunExit):
                return state
            if state == "lost":
                declare_lost(run_dir)
            elif state == "absent":
                starter.start()
            await asyncio.sleep(_pause(time.monotonic() - began))
    except asyncio.CancelledError:
        if not leave_running() and starter.may_run():
            await cancel_run(run_dir, spec.grace)
        raise
    finally:
        await starter.reap()


def _pause(waited: float) -> float:
    """Seconds until the next look: a short command is not waited for longer than it takes."""
    if waited >= _EAGER_FOR:
        return _CALM
    return min(_EAGER, max(_KEENEST, waited / 10))


async def cancel_run(run_dir: Path, grace: float) -> bool:
    """Stop a run and wait until nothing of it is left.

    Args:
        grace: the run's own, in seconds; ten more are waited.

    Returns:
        False where it did not end in that time.
    """
    (run_dir / "cancel").touch()
    deadline = time.monotonic() + grace + 10.0
    while not isinstance(state := look(run_dir), RunExit) and time.monotonic() < deadline:
        if state == "lost":
            declare_lost(run_dir)
        await asyncio.sleep(_EAGER)
    return isinstance(state, RunExit)


def declare_lost(run_dir: Path) -> None:
    """End a run whose supervisor was killed: stop what it left behind and record that it is lost."""
    with _lock_of_dead(run_dir) as free:
        if not free or _read_exit(run_dir) is not None:
            return
        for _ in range(50):
            left = _processes_of(run_dir)
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            if not left:
                break
            time.sleep(0.01)
        facts = {"exit_code": None, "reason": "lost", "seconds": 0.0, "error": "the supervisor was killed"}
        write_json(str(run_dir / "exit.json"), facts)


class _Starter:
    """Starts the supervisor of a run, again if it fell before it could say so."""

    def __init__(self, run_dir: Path, spec: RunSpec) -> None:
        self.run_dir, self.spec = run_dir, spec
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self) -> None:
        if self.process is not None and self.process.poll() is None:
            return
        if self.starts >= _STARTS:
            raise AgentError(f"The supervisor of {self.run_dir} does not start; see its supervisor.log.")
        self.starts += 1
        self._write_spec()
        environment = dict(self.spec.environment) | {RUN_MARK: str(self.run_dir)}
        log = os.open(self.run_dir / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", supervisor.__file__, str(self.run_dir)],
                cwd=self.run_dir,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        finally:
            os.close(log)

    def may_run(self) -> bool:
        """Whether there is anything to stop."""
        return self.process is not None or look(self.run_dir) == "running"

    async def reap(self) -> None:
        """Collect a supervisor that has written its last word."""
        if self.process is None or _read_exit(self.run_dir) is None:
            return
        deadline = time.monotonic() + 2.0
        # The process may also be a successor's child, so there is no event of this loop to wait for.
        while self.process.poll() is None and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    def _write_spec(self) -> None:
        spec, wall = self.spec, self.spec.confinement
        facts = {
            "argv": spec.argv if wall is None else wall.around(spec.argv, spec.cwd),
            "confined": None if wall is None else spec.argv[0],
            "cwd": str(spec.cwd),
            "stdin": None if spec.stdin is None else str(spec.stdin),
            "timeout": spec.timeout,
            "idle_timeout": spec.idle_timeout,
            "grace": spec.grace,
            "adoption_grace": spec.adoption_grace,
            "output_limit": spec.output_limit,
            "one_stream": spec.one_stream,
        }
        write_json(str(self.run_dir / "run.json"), facts)


@contextlib.contextmanager
def _lock_of_dead(run_dir: Path):
    """Hold the run's lock if no supervisor does; yields whether it is held."""
    descriptor = os.open(run_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def _processes_of(run_dir: Path) -> list[int]:
    """Processes with the run's mark in their environment; Linux only."""
    mark = os.fsencode(f"{RUN_MARK}={run_dir}")
    found: list[int] = []
    for pid in supervisor.parents():
        with contextlib.suppress(OSError):
            if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") and pid != os.getpid():
                found.append(pid)
    return found


def _facts(run_dir: Path, seconds: float) -> dict[str, Any]:
    written = 0
    for name in ("stdout", "stderr"):
        with contextlib.suppress(OSError):
            written += (run_dir / name).stat().st_size
    return {"run_dir": str(run_dir), "waited_seconds": round(seconds, 1), "output_bytes": written}


def _read_exit(run_dir: Path) -> RunExit | None:
    facts = _read_json(run_dir / "exit.json")
    return None if facts is None else RunExit(**facts)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        return cast("dict[str, Any]", json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
