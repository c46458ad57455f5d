"""A word on a terminal while something takes longer than a person would think it does."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

QUIET_SECONDS = 2.0
"""So long nothing is said."""
_CLEAR = "\r\x1b[K"


@contextmanager
def waiting(what: str) -> Generator[None]:
    """Say on standard error what is waited for, and for how long already; nowhere but on a terminal.

    Args:
        what: such as `Waiting for the API`.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield
        return
    ended = threading.Event()
    teller = threading.Thread(target=_tell, args=(what, ended), daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def _tell(what: str, ended: threading.Event) -> None:
    begun = time.monotonic()
    said = False
    pause = QUIET_SECONDS
    while not ended.wait(pause):
        sys.stderr.write(f"{_CLEAR}{what} ({time.monotonic() - begun:.0f} s)")
        sys.stderr.flush()
        said, pause = True, 1.0
    if said:
        sys.stderr.write(_CLEAR)
        sys.stderr.flush()
