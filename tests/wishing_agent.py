"""A command agent for tests that does what a file says: `<folder>/<story>-<attempt>.json`.

Keys: `hold` (a file that it and a child of its keep locked while they live), `first` (paths to write before
anything else), `touch` (a file to make), `wait_for` (a file to wait for), `ask` (paths to ask for while it
works; the answer goes to `<folder>/<story>-<attempt>.answer`), `then_wait_for` (a file to wait for after
that), `write` (paths to write), `result` (the work result).
Without a file for the attempt it leaves a line in every claimed path and is done.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Do what the attempt's file says."""
    folder = Path(sys.argv[1])
    order: dict[str, Any] = json.loads(Path(os.environ["PACELINE_WORK_ORDER"]).read_text())
    name = f"{order['story']}-{order['attempt']}"
    (folder / f"{name}.order").write_text(json.dumps(order))
    script = folder / f"{name}.json"
    todo: dict[str, Any] = json.loads(script.read_text()) if script.exists() else {}
    if "hold" in todo:
        hold(todo["hold"])
    write(todo.get("first", []), name)
    if "touch" in todo:
        Path(todo["touch"]).touch()
    wait_for(todo.get("wait_for"))
    if "ask" in todo:
        ask(folder / f"{name}.answer", todo["ask"])
    wait_for(todo.get("then_wait_for"))
    write(todo.get("write", order["claimed"]), name)
    result = todo.get("result", {"outcome": "done", "summary": f"did {name}"})
    Path(os.environ["PACELINE_WORK_RESULT"]).write_text(json.dumps(result))


def write(paths: list[str], name: str) -> None:
    """Leave a line in each of these."""
    for path in paths:
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((file.read_text() if file.exists() else "") + f"{name}\n")


def wait_for(path: str | None) -> None:
    """Wait until somebody makes a file."""
    while path is not None and not Path(path).exists():
        time.sleep(0.02)


def hold(path: str) -> None:
    """Lock a file, and leave it locked to a child of a session of its own, which does not end by itself."""
    lock = os.open(path, os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_inheritable(lock, True)
    subprocess.Popen(["sleep", "600"], pass_fds=[lock], start_new_session=True)


def ask(answer: Path, paths: list[str]) -> None:
    """Ask for files with the command that agents have."""
    command = [sys.executable, "-m", "paceline.cli.main", "claim", "--json", *paths]
    paths_of_python = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=paths_of_python)
    answer.write_text(json.dumps({"status": done.returncode, "out": done.stdout, "err": done.stderr}))


if __name__ == "__main__":
    main()
