"""File locks between tasks and processes; the kernel frees the lock of a process that dies."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from paceline.errors import RepositoryError

_LOOK_AGAIN = 0.02


def try_lock(path: Path) -> int | None:
    """Take the lock file without waiting.

    Returns:
        An open descriptor that holds the lock until it is closed, or None where another holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@asynccontextmanager
async def exclusive(path: Path, patience: float = 300.0) -> AsyncGenerator[None]:
    """Hold the lock file; owner is this block, and its end or the process's death releases it.

    Args:
        path: the lock file; made if absent and never removed.
        patience: seconds to wait for it.

    Raises:
        RepositoryError: the patience ran out.
    """
    deadline = asyncio.get_running_loop().time() + patience
    while (descriptor := try_lock(path)) is None:
        if asyncio.get_running_loop().time() > deadline:
            raise RepositoryError(
                f"Another process held {path} for {patience:.0f} s; see which Paceline process hangs.",
                path=str(path),
            )
        await asyncio.sleep(_LOOK_AGAIN)
    try:
        yield
    finally:
        os.close(descriptor)
