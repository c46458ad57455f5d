"""Runs git: never a prompt, a hook, a signature or a user's identity, and never a shell."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Collection, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from paceline.errors import ConfigurationError, RepositoryError

A = TypeVar("A")
B = TypeVar("B")

MINIMUM_VERSION = (2, 38)
"""The first git with `merge-tree --write-tree`."""
GIT_TIMEOUT = 600.0
IDENTITY_NAME = "Paceline"
IDENTITY_EMAIL = "paceline@localhost"

_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "core.splitIndex": "false",
    "core.sparseCheckout": "false",
    "core.trustctime": "true",
    "core.checkStat": "default",
    # Making many files waits for the file system more than for this process.
    "checkout.workers": str(min(4, os.cpu_count() or 1)),
    "core.quotePath": "false",
    # A line end that does not survive a round trip must not stop work from being taken.
    "core.safecrlf": "false",
    "safe.bareRepository": "all",
    "commit.gpgsign": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "advice.addEmbeddedRepo": "false",
    "i18n.commitEncoding": "UTF-8",
    "i18n.logOutputEncoding": "UTF-8",
    "merge.conflictStyle": "merge",
    "merge.renames": "true",
    # A file stays at the path that its story claimed, even where its old neighbours moved.
    "merge.directoryRenames": "false",
}
_OPTIONS = [option for key, value in _CONFIG.items() for option in ("-c", f"{key}={value}")]


@dataclass(frozen=True)
class GitOutput:
    """What a git command left: exit status and both streams as bytes."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """Standard output without the final line end; undecodable bytes are escaped."""
        return self.out.decode("utf-8", "backslashreplace").rstrip("\n")

    @property
    def complaint(self) -> str:
        """What git said went wrong, on one line and bounded."""
        said = self.err.decode("utf-8", "replace")
        return " ".join(said.split())[:500] or f"exit status {self.code}"


def git_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a git command: the caller's without its `GIT_*`, and nothing that asks or signs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    kept |= {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_EDITOR": "true",
        # Reading the status of the user's checkout must not rewrite its index.
        "GIT_OPTIONAL_LOCKS": "0",
        # An agent could otherwise swap what a commit id stands for.
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_AUTHOR_NAME": IDENTITY_NAME,
        "GIT_AUTHOR_EMAIL": IDENTITY_EMAIL,
        "GIT_COMMITTER_NAME": IDENTITY_NAME,
        "GIT_COMMITTER_EMAIL": IDENTITY_EMAIL,
    }
    return kept | dict(extra or {})


async def start_git(
    cwd: Path,
    *args: str,
    env: Mapping[str, str] | None = None,
    piped: bool = False,
    source: IO[bytes] | None = None,
) -> asyncio.subprocess.Process:
    """Start git in a session of its own, so that a Ctrl-C at a terminal does not stop it half-way.

    Its standard input is a pipe, an open file (`source`), or nothing.
    """
    if not os.path.isdir(cwd):
        raise RepositoryError(f"The folder {cwd} is gone; restore it or start the run again.", path=str(cwd))
    try:
        return await asyncio.create_subprocess_exec(
            "git",
            *_OPTIONS,
            *args,
            cwd=cwd,
            env=git_environment(env),
            stdin=asyncio.subprocess.PIPE if piped else source or asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise _no_git("git was not found on PATH") from None


async def git(
    cwd: Path,
    *args: str,
    stdin: bytes | Path | None = None,
    env: Mapping[str, str] | None = None,
    accept: Collection[int] = (0,),
    timeout: float = GIT_TIMEOUT,  # noqa: ASYNC109 - the process has to be killed on the way out
) -> GitOutput:
    """Run a git command to its end.

    Args:
        cwd: where it runs.
        args: everything after `git`.
        stdin: bytes, or a file, for its standard input; None is `/dev/null`.
        env: variables beside those of `git_environment`.
        accept: exit statuses that are an answer and not an error.
        timeout: seconds after which it is killed.

    Raises:
        RepositoryError: another exit status, with what git said, or the time ran out.
    """
    with contextlib.ExitStack() as opened:
        source = opened.enter_context(stdin.open("rb")) if isinstance(stdin, Path) else None
        given = stdin if isinstance(stdin, bytes) else None
        process = await start_git(cwd, *args, env=env, piped=given is not None, source=source)
    try:
        async with asyncio.timeout(timeout):
            out, err = await process.communicate(given)
    except TimeoutError:
        raise RepositoryError(
            f"`git {args[0]}` in {cwd} did not end within {timeout:.0f} s; look for a lock or a slow filter.",
            path=str(cwd),
        ) from None
    finally:
        await stop_process(process)
    output = GitOutput(process.returncode or 0, out, err)
    if output.code not in accept:
        raise RepositoryError(
            f"`git {args[0]}` failed in {cwd}: {output.complaint}", path=str(cwd), status=output.code
        )
    return output


async def both(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Run two things at the same time, such as git commands; where one fails the other is ended too."""
    tasks = asyncio.ensure_future(first), asyncio.ensure_future(second)
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def stop_process(process: asyncio.subprocess.Process) -> None:
    """Kill a process that still runs, and wait for it."""
    if process.returncode is None:
        # Not `process.kill()`: it looks for the end first, and takes it away from the loop that waits for it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


_checked: set[str] = set()


async def require_git() -> None:
    """Refuse a missing or too old git with one sentence; asked once a process.

    Raises:
        ConfigurationError: no git, or one older than 2.38.
    """
    if "git" in _checked:
        return
    said = (await git(Path("/"), "--version")).text
    if parse_version(said) < MINIMUM_VERSION:
        raise _no_git(f"{said} is too old")
    _checked.add("git")


def parse_version(text: str) -> tuple[int, int]:
    """Major and minor of a `git --version` line; (0, 0) where there is none."""
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _no_git(what: str) -> ConfigurationError:
    needed = ".".join(str(part) for part in MINIMUM_VERSION)
    return ConfigurationError(f"{what}: install git {needed} or newer and put it on PATH.")
