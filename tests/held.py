"""Agents that work until a test lets them go on: each story's agent waits for a file of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from paceline.domain.work import AgentDeclaration
from tests.world import World

_SCRIPT = """
import json, os, pathlib, sys, time
order = json.loads(pathlib.Path(os.environ["PACELINE_WORK_ORDER"]).read_text())
gate = pathlib.Path(sys.argv[1])
name = order["story"].split()[-1]
(gate / f"{name}.{order['attempt']}.by-{order['agent']}").touch()
for path in order["claimed"]:
    if "*" not in path:
        pathlib.Path(path).write_text(f"attempt {order['attempt']} by {order['agent']}\\n")
while not (gate / f"{name}.go").exists() and not (gate / "all.go").exists():
    time.sleep(0.02)
failed = (gate / f"{name}.fail").exists()
result = {"outcome": "failed" if failed else "done", "summary": "as told"}
pathlib.Path(os.environ["PACELINE_WORK_RESULT"]).write_text(json.dumps(result))
"""


class Gate:
    """The folder whose files the agents wait for."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder

    def agents(self, *names: str, **fields: object) -> dict[str, AgentDeclaration]:
        """Declarations of agents that wait at this gate; of any name where none is given."""
        command = [sys.executable, "-c", _SCRIPT, str(self.folder)]
        base = AgentDeclaration(kind="command", command=command, concurrency=50, max_attempts=1)
        return {name: base.model_copy(update=fields) for name in names or ("*",)}

    def open(self, story: str = "all") -> None:
        """Let the agent of a story end, now or when it comes; or all."""
        (self.folder / f"{story}.go").touch()

    def fail(self, story: str) -> None:
        """Let it fail."""
        (self.folder / f"{story}.fail").touch()
        self.open(story)

    def forgive(self, story: str) -> None:
        """Let its later attempts succeed."""
        (self.folder / f"{story}.fail").unlink()

    def reached(self, story: str, attempt: int = 1) -> bool:
        """Whether an attempt of a story is at the gate or was."""
        return any(self.folder.glob(f"{story}.{attempt}.by-*"))

    async def until_reached(self, world: World, story: str, attempt: int = 1) -> None:
        """Wait until an attempt of a story is at the gate."""

        async def there() -> bool:
            return self.reached(story, attempt)

        await world.until(there, f"attempt {attempt} of {story} at work")
