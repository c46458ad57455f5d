"""The user's filters, kept from writing anywhere while they run beside files that an agent wrote.

Git runs a clean or smudge filter in the worktree. `sh tools/clean.sh` and `python -m nbstripout` are then
whatever the agent put there, and would run outside of its sandbox, before its diff is looked at. Where
bubblewrap works, each filter is started in it, with the whole machine read-only; it answers on its output.
"""

from __future__ import annotations

import functools
import shlex
import shutil
import subprocess

from paceline.vcs.git import git
from paceline.vcs.repository import Repository

_PROBE_SECONDS = 20.0
_WALL = (
    *("--unshare-user", "--die-with-parent", "--cap-drop", "ALL"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--setenv", "TMPDIR", "/dev/shm"),  # noqa: S108 - a new one inside
    "--",
)


async def confined_filters(repository: Repository) -> dict[str, str]:
    """Variables for a git command in an agent's worktree that start the user's filters read-only.

    None where the user has no filters, or where this machine has no bubblewrap that works: filters then run
    as git runs them.
    """
    asked = ("config", "-z", "--get-regexp", r"^filter\..*\.(clean|smudge|process)$")
    found = (await git(repository.common_dir, *asked, accept=(0, 1))).out.decode("utf-8", "surrogateescape")
    pairs = [entry.partition("\n") for entry in found.split("\0") if "\n" in entry]
    program = shutil.which("bwrap") if pairs else None
    if program is None or not _works(program):
        return {}
    own = {key: _confined(program, key, command) for key, _, command in pairs if command}
    env = {"GIT_CONFIG_COUNT": str(len(own))}
    for number, (key, command) in enumerate(own.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": command}
    return env


def _confined(program: str, key: str, command: str) -> str:
    """The command line of a filter; git puts a file's quoted name where `%f` is, but not for a process."""
    named = not key.endswith(".process")
    inner = command.replace("%f", '"$1"') if named else command
    around = shlex.join([program, *_WALL, "/bin/sh", "-c"])
    return f"{around} {shlex.quote(inner)} sh{' %f' if named else ''}"


@functools.cache
def _works(program: str) -> bool:
    try:
        done = subprocess.run(
            [program, *_WALL, "/bin/sh", "-c", "! (: > /.paceline-probe)"],
            capture_output=True,
            check=False,
            timeout=_PROBE_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
