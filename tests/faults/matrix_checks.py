"""What must be so after a kill, whoever was killed and where."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from paceline.domain.states import StoryState
from paceline.errors import PacelineError
from paceline.store import claims, questions
from tests.faults.matrix import Cell
from tests.world import World, git_lines


@dataclass(frozen=True)
class Aftermath:
    """One cell's run after its end.

    Args:
        name: of the run.
        folder: of the cell, with what its agents noted.
        repository: the user's.
    """

    world: World
    cell: Cell
    name: str
    folder: Path
    repository: Path

    async def problems(self, before: dict[str, str]) -> list[str]:
        """What is wrong, in sentences.

        Args:
            before: the fingerprint of the user's checkout.
        """
        status = await self.world.status(self.name)
        if status.counts != {StoryState.MERGED: 2}:
            return [f"the stories did not merge: {await self.describe()}"]
        problems = [
            *self._wrong_merges([row.merge_commit for row in status.stories]),
            *self._lost_bytes(),
            *self._wrong_starts(),
            *await self._wrong_records(),
        ]
        left = await self._processes_left()
        if left:
            problems.append(f"processes are left: {left}")
        after = fingerprint(self.repository)
        changed = [name for name in before | after if before.get(name) != after.get(name)]
        if changed:
            problems.append(f"the user's checkout changed: {changed}")
        return problems

    def _wrong_merges(self, recorded: list[str | None]) -> list[str]:
        form = "--format=%H %(trailers:key=Paceline-Story,valueonly)"
        branch = f"paceline/{self.name}/sprint"
        lines = [line.split() for line in git_lines(self.repository, "log", "--merges", form, branch)]
        found = [line for line in lines if len(line) == 2]
        stories = sorted(story.rpartition("/")[2] for _, story in found)
        if stories != ["story-1.1", "story-1.2"] or {commit for commit, _ in found} != set(recorded):
            return [f"merges on the branch: {found}, recorded: {recorded}"]
        return []

    def _lost_bytes(self) -> list[str]:
        listed = git_lines(self.repository, "rev-list", "--objects", "--all")
        reachable = {line.split()[0] for line in listed}
        contents = (self.folder / "written").read_text().splitlines()
        lost = [text for text in contents if _blob_id(f"{text}\n".encode()) not in reachable]
        return [f"no ref reaches what the agent wrote: {lost}"] if lost or len(contents) < 4 else []

    def _wrong_starts(self) -> list[str]:
        starts = Counter((self.folder / "started").read_text().splitlines())
        second = self.cell.step.kind == "fails" or self.cell.victim in ("agent", "supervisor")
        expected = {"Story 1.1 attempt 1": 1, "Story 1.2 attempt 1": 1}
        if second:
            expected["Story 1.1 attempt 2"] = 1
        return [] if starts == expected else [f"agents were started: {dict(starts)}"]

    async def _wrong_records(self) -> list[str]:
        problems: list[str] = []
        events = await self.world.events(self.name)
        if [event.number for event in events] != list(range(1, len(events) + 1)):
            problems.append("the numbers of events have gaps or repeat")
        left = await self.world.database.read(claims.list_claims)
        if left:
            problems.append(f"claims are left: {left}")
        names = Counter((event.name, event.story) for event in events)
        for story in ("Story 1.1", "Story 1.2"):
            for name in ("merge.made", "story.merged"):
                if names[name, story] != 1:
                    problems.append(f"{names[name, story]} events {name} of {story}")
        asked = await self.world.database.read(questions.list_questions, self.name, None)
        answers = [event.data["question"] for event in events if event.name == "question.answered"]
        if len(asked) != (self.cell.step.kind == "asks") or answers != [each.id for each in asked]:
            problems.append(f"questions: {[each.id for each in asked]}, answers: {answers}")
        return problems

    async def _processes_left(self) -> list[str]:
        """Processes with this cell's folder in their environment; those just killed may take a moment."""
        mark = f"PACELINE_RUN={self.world.settings.home}".encode()
        deadline = time.monotonic() + 5
        while (found := _marked(mark)) and time.monotonic() < deadline:  # noqa: ASYNC110 - none of ours
            await asyncio.sleep(0.1)
        return found

    async def describe(self) -> str:
        """Where the run stands, and what its workers said."""
        try:
            status = await self.world.status(self.name)
        except (PacelineError, SQLAlchemyError) as error:
            return f"the database says {error}"
        rows = [f"{row.id} {row.state.value} ({row.reason})" for row in status.stories]
        log = self.folder / "worker.log"
        said = log.read_text(errors="replace")[-1500:] if log.exists() else ""
        return f"{status.run.state.value}; {'; '.join(rows)}\n{said}"


def fingerprint(repository: Path) -> dict[str, str]:
    """Everything of the user's that must not change: files, index, config, hooks, stash, own refs."""
    seen: dict[str, str] = {}
    own = ("objects", "refs", "logs", "packed-refs")
    for file in sorted(repository.rglob("*")):
        inside = file.relative_to(repository)
        if file.is_file() and not (inside.parts[0] == ".git" and inside.parts[1] in own):
            seen[str(inside)] = hashlib.sha256(file.read_bytes()).hexdigest()
    refs = git_lines(repository, "for-each-ref", "--format=%(refname) %(objectname)")
    return seen | {"refs": "\n".join(ref for ref in refs if "paceline/" not in ref)}


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324 - git's own id


def _marked(mark: bytes) -> list[str]:
    found: list[str] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found
