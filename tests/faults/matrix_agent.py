"""An agent that writes what nobody else writes, notes each content once it is there, and stops where told.

`matrix_agent.py FOLDER STOP KIND`: STOP is `step:side` or empty; of KIND `fails` the first attempt fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path


def note(folder: Path, name: str, text: str) -> None:
    """One write to a file that is open for appending is one line, whoever else writes."""
    log = os.open(folder / name, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.write(log, f"{text}\n".encode())
    os.close(log)


def write(folder: Path, path: str, what: str) -> None:
    """Write a content of its own to a file, and note it when it is there."""
    content = f"{what} {uuid.uuid4().hex}"
    Path(path).write_text(f"{content}\n")
    note(folder, "written", content)


def reach(folder: Path, stop: str, place: str) -> None:
    """Stop here, if this is the place, for the first time."""
    if stop != place:
        return
    try:
        os.close(os.open(folder / "reached", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    while not (folder / "go").exists():
        time.sleep(0.02)


def main(folder: Path, stop: str, kind: str) -> int:
    """One attempt."""
    order = json.loads(Path(os.environ["PACELINE_WORK_ORDER"]).read_text())
    who = f"{order['story']} attempt {order['attempt']}"
    note(folder, "started", who)
    (folder / "agent").write_text(f"{os.getpid()} {os.getppid()}")
    reach(folder, stop, "agent started:after")
    path = order["claimed"][0]
    reach(folder, stop, "agent wrote files:before")
    write(folder, path, f"{who}, committed")
    for command in (["add", path], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "own"]):
        subprocess.run(["git", *command], check=True)
    write(folder, path, f"{who}, not committed")
    reach(folder, stop, "agent wrote files:after")
    if kind == "fails" and order["attempt"] == 1 and order["story"].endswith("1.1"):
        return 3
    Path(os.environ["PACELINE_WORK_RESULT"]).write_text('{"outcome": "done", "summary": "ok"}')
    reach(folder, stop, "agent ended:before")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
