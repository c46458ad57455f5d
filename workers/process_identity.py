"""Tells a process from a later one that was given the same id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from pydantic import BaseModel


class ProcessIdentity(BaseModel):
    """A process id with the moment its process started, in whatever form the system says it."""

    pid: int
    started: str


def identify(pid: int) -> ProcessIdentity | None:
    """The process that has the id now; None when none runs (a zombie does not)."""
    started = _started_linux(pid) if sys.platform == "linux" else _started_elsewhere(pid)
    return None if started is None else ProcessIdentity(pid=pid, started=started)


def is_running(identity: ProcessIdentity) -> bool:
    """Whether that very process still runs."""
    return identify(identity.pid) == identity


def end(identity: ProcessIdentity, grace: float) -> None:
    """Stops a process that is not a child: SIGTERM, `grace` seconds, SIGKILL; returns when it is gone."""
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        if not is_running(identity):
            return
        try:
            os.kill(identity.pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while is_running(identity) and time.monotonic() < deadline:
            time.sleep(0.05)


def _started_linux(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    if state in "ZX":
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{fields[18]}"


def _started_elsewhere(pid: int) -> str | None:
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split(maxsplit=1)
    return None if len(said) < 2 or said[0].startswith("Z") else said[1].strip()
