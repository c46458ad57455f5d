"""A command agent for tests that does what a file says: `<folder>/<story>-<attempt>.json`.

Keys: `wait_for` (a file to wait for), `touch` (a file to make), `ask` (paths to ask for while it works; the
answer goes to `<folder>/<story>-<attempt>.answer`), `write` (paths to write), `result` (the work result).
Without a file for the attempt it leaves a line in every claimed path and is done.
"""

from __future__ import annotations

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
    if "touch" in todo:
        Path(todo["touch"]).touch()
    if "wait_for" in todo:
        while not Path(todo["wait_for"]).exists():
            time.sleep(0.02)
    if "ask" in todo:
        ask(folder / f"{name}.answer", todo["ask"])
    for path in todo.get("write", order["claimed"]):
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((file.read_text() if file.exists() else "") + f"{name}\n")
    result = todo.get("result", {"outcome": "done", "summary": f"did {name}"})
    Path(os.environ["PACELINE_WORK_RESULT"]).write_text(json.dumps(result))


def ask(answer: Path, paths: list[str]) -> None:
    """Ask for files with the command that agents have."""
    command = [sys.executable, "-m", "paceline.cli.main", "claim", "--json", *paths]
    paths_of_python = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=paths_of_python)
    answer.write_text(json.dumps({"status": done.returncode, "out": done.stdout, "err": done.stderr}))


if __name__ == "__main__":
    main()
