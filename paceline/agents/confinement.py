"""Commands of agents are started through bubblewrap, where the machine has it and lets it work.

What stands around a command is the machine as it is, with some folders that can only be read: the user's
repository, everybody else's worktrees, and what Paceline keeps. No capability is left, and none can be had
again. Processes are not hidden: who adopts a run, stops it or guards it knows its commands by their ids.

A user namespace of its own for each command closes the way around through `/proc/PID/root` of another process
of the same user, also of another agent's.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from paceline.domain.work import SandboxPolicy
from paceline.errors import SandboxUnavailable

PROGRAM = "bwrap"
_PROBE_SECONDS = 20.0
_ALONE = ("--unshare-user", "--die-with-parent", "--new-session", "--cap-drop", "ALL")
_PROBE = 'echo 1 > "$1/own/file" && ! echo 1 > "$1/file"'
"""Writes where it may, and fails where it may not."""


@dataclass(frozen=True)
class Confinement:
    """What one command may not change, and the folders in there that it may."""

    program: str
    read_only: tuple[Path, ...]
    writable: tuple[Path, ...]

    def around(self, argv: Iterable[str], cwd: Path) -> list[str]:
        """The command line that starts a command in it.

        Of folders in each other the later one holds, so all that may be written comes last. A folder that
        may be written and is gone keeps the command from starting; one that may not is passed over.
        """
        line = [self.program, *_ALONE, "--dev-bind", "/", "/"]
        # A link on the way to a place would be followed in there, where it may lead elsewhere.
        for place in sorted({os.path.realpath(each) for each in self.read_only}):
            line += ["--ro-bind-try", place, place]
        for place in dict.fromkeys(os.path.realpath(each) for each in self.writable):
            line += ["--bind", place, place]
        return [*line, "--chdir", os.path.realpath(cwd), "--", *argv]


@dataclass(frozen=True)
class Sandbox:
    """In what the commands of one run are started on this machine.

    `program` is None where they are not confined; `reason` then says why.
    """

    program: str | None
    reason: str = ""
    read_only: tuple[Path, ...] = ()
    by_choice: bool = False
    """Whether somebody wants it so, rather than that it could not be had."""

    def confine(self, *writable: Path) -> Confinement | None:
        """What to start one command in, which may change these folders; None: in nothing."""
        return None if self.program is None else Confinement(self.program, self.read_only, writable)


def find_sandbox(policy: SandboxPolicy, read_only: Iterable[Path] = ()) -> Sandbox:
    """What this machine offers; asked once a process, as it starts programs.

    Args:
        policy: what is wanted.
        read_only: what no command may change but for its own folders.

    Raises:
        SandboxUnavailable: one is required, and there is none.
    """
    if policy == "off":
        return Sandbox(None, "the sandbox is switched off", by_choice=True)
    program = shutil.which(PROGRAM)
    reason = "bubblewrap (bwrap) is not installed" if program is None else _why_not(program)
    if not reason:
        return Sandbox(program, "", tuple(read_only))
    if policy == "required":
        raise SandboxUnavailable(
            f"A sandbox is required for agents and {reason}; install bubblewrap (Linux only) and let it make "
            'user namespaces, or write `sandbox = "auto"`.',
            reason=reason,
        )
    return Sandbox(None, reason)


@functools.cache
def _why_not(program: str) -> str:
    """Why a program does not confine here; empty where it does."""
    with tempfile.TemporaryDirectory(prefix="paceline-probe-") as made:
        folder = Path(made)
        (folder / "own").mkdir()
        wall = Confinement(program, (folder,), (folder / "own",))
        try:
            done = subprocess.run(
                wall.around(["/bin/sh", "-c", _PROBE, "sh", os.path.realpath(folder)], folder),
                capture_output=True,
                check=False,
                timeout=_PROBE_SECONDS,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{program} does not start: {error}"[:300]
        if done.returncode == 0 and (folder / "own/file").exists() and not (folder / "file").exists():
            return ""
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[:200]
        return f"{program} does not work here ({said or f'it ended with status {done.returncode}'})"
