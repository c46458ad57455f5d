"""Runs the commands that prove a story, in a checkout, under the same supervision as agents."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from paceline.agents.confinement import Confinement
from paceline.agents.environment import allowed_environment
from paceline.agents.outputs import tail
from paceline.agents.supervised import Heartbeat, RunExit, RunSpec, run_supervised

OUTPUT_LIMIT = 4_000_000
_WATCHED = 15.0
"""A check whose worker died is stopped after this many seconds; nobody adopts it."""
_INTERRUPTED = ("orphaned", "lost", "cancelled")
"""Endings that say nothing of the work, so that the command is run again."""
_TRIES = 3


@dataclass(frozen=True)
class CheckRun:
    """One command and how it ended; `output_path` holds both streams and `output_sha256` its digest.

    Where the streams were kept apart, it holds standard output, and a file beside it standard error.
    `exit_code` is None where the shell did not start, and negative for a signal.
    """

    command: str
    exit_code: int | None
    seconds: float
    timed_out: bool
    output_path: Path
    output_sha256: str
    tail: str

    @property
    def passed(self) -> bool:
        """Whether it ended by itself with status 0."""
        return self.exit_code == 0 and not self.timed_out


async def run_checks(
    checkout: Path,
    commands: Sequence[str],
    timeout: float,  # noqa: ASYNC109 - a limit for each command, enforced in another process
    environment: Iterable[str],
    log_dir: Path,
    *,
    stop_at_first_failure: bool = False,
    heartbeat: Heartbeat = lambda _facts: None,
    grace: float = 1.0,
    confinement: Confinement | None = None,
    apart: bool = False,
) -> list[CheckRun]:
    """Run each command with `/bin/sh -c` in `checkout`, one after the other.

    Whatever a command left running is stopped before the next one starts, and on cancellation.

    Args:
        timeout: seconds for each command.
        environment: names of variables they may see beside the basic ones.
        log_dir: gets one output file a command; a repeat replaces them.
        stop_at_first_failure: leave the rest out after one that fails.
        heartbeat: called about every second.
        grace: seconds between the polite and the final signal.
        confinement: what stands around each of them, as they run what agents wrote; None: nothing does.
        apart: what they write to standard error goes to a file of its own beside the output.
    """
    log_dir.mkdir(parents=True, exist_ok=True)
    done: list[CheckRun] = []
    for number, command in enumerate(commands, 1):
        spec = RunSpec(
            argv=["/bin/sh", "-c", command],
            cwd=checkout,
            environment=allowed_environment(environment),
            timeout=timeout,
            one_stream=not apart,
            grace=grace,
            adoption_grace=_WATCHED,
            output_limit=OUTPUT_LIMIT,
            confinement=confinement,
        )
        done.append(await _run_check(spec, log_dir.resolve() / f"check-{number}.log", heartbeat))
        if stop_at_first_failure and not done[-1].passed:
            break
    return done


async def _run_check(spec: RunSpec, log: Path, heartbeat: Heartbeat) -> CheckRun:
    for tries_left in reversed(range(_TRIES)):
        run_dir = log.parent / f".run-{log.stem}-{uuid.uuid4().hex[:8]}"
        ended = await run_supervised(run_dir, spec, heartbeat)
        check = _keep(spec.argv[-1], ended, run_dir, log)
        if ended.reason not in _INTERRUPTED or tries_left == 0:
            return check
    raise AssertionError("the last try returns")


def _keep(command: str, ended: RunExit, run_dir: Path, log: Path) -> CheckRun:
    output = run_dir / "stdout"
    if ended.error is not None or not output.exists():
        output.write_text(f"[the check did not run: {ended.error or ended.reason}]\n", "utf-8")
    output.replace(log)
    errors = run_dir / "stderr"
    if errors.exists():
        errors.replace(log.with_suffix(".err"))
    for file in run_dir.iterdir():
        file.unlink()
    run_dir.rmdir()
    with log.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    stopped = ended.reason in ("timeout", "idle")
    code = ended.exit_code if ended.reason == "exited" or stopped else None
    return CheckRun(command, code, ended.seconds, stopped, log, digest, tail(log, 4000))
