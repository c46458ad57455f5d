"""Counts the git processes that Paceline starts."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from paceline.vcs import git as vcs_git


@contextmanager
def counted_processes() -> Generator[list[str]]:
    """The names of the git commands that Paceline starts meanwhile, such as `read-tree`."""
    started: list[str] = []
    start = vcs_git.start_git

    async def counting(*args: object, **kwargs: object) -> asyncio.subprocess.Process:
        started.append(str(args[1]))
        return await start(*args, **kwargs)  # pyright: ignore[reportArgumentType] - passed on as they came

    vcs_git.start_git = counting
    try:
        yield started
    finally:
        vcs_git.start_git = start
