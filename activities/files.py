"""Large outputs: files in the artifact folder, indexed in the database with their digest."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from activities.context import ActivityContext
from paceline.contracts import StoryStep
from paceline.domain import ids
from paceline.domain.events import EventDraft, EventType
from paceline.domain.status import Artifact
from paceline.store import artifacts, events


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_inside(root: Path, path: str) -> bool:
    """Whether a path of the index stays in its run's part of the folder, also where links lead."""
    found, whole = (root / path).resolve(), root.resolve()
    # A link into another run's part would show its files to people who see this run only.
    part = whole / Path(path).parts[0] if path else whole
    return found.is_relative_to(whole) and found.is_relative_to(part)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that whoever finds it finds all of it."""
    # Of its own: two tries of an activity may be here at once.
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")
    partial.write_text(text)
    partial.replace(path)


class RunKeeper:
    """Indexes files of a run and announces each once."""

    def __init__(self, context: ActivityContext, project: str, story: str | None = None) -> None:
        self._context = context
        self._project = project
        self._story = story

    async def keep(self, kind: str, path: Path) -> Artifact:
        """Index a file that is already in the artifact folder; twice is once.

        Args:
            kind: one of the kinds of `Artifact`.
            path: absolute, inside the artifact folder.
        """
        return (await self.keep_all(kind, [path]))[0]

    async def keep_all(self, kind: str, paths: Sequence[Path]) -> list[Artifact]:
        """The same for several, in one transaction."""
        found = [self._described(kind, path) for path in paths]
        return await self._context.database.write(_index, found)

    def _described(self, kind: str, path: Path) -> Artifact:
        relative = path.relative_to(self._context.settings.artifact_root).as_posix()
        digest = file_digest(path)
        return Artifact(
            id=f"{ids.short_digest(relative)}-{digest[:12]}",
            project=self._project,
            story=self._story,
            kind=kind,
            path=relative,
            bytes=path.stat().st_size,
            sha256=digest,
            created_at=datetime.now(UTC),
        )


class Keeper(RunKeeper):
    """The same for the files of one attempt."""

    def __init__(self, context: ActivityContext, step: StoryStep) -> None:
        super().__init__(context, step.project, step.story)

    async def keep_of_run(self, kind: str, file: Path) -> None:
        """Index a file of an agent's run, where there is something in it.

        The agent could have removed it, or put a pipe in its place that nobody writes to.
        """
        if file.is_file() and not file.is_symlink() and file.stat().st_size:
            await self.keep(kind, file)


def _index(session: Session, found: Sequence[Artifact]) -> list[Artifact]:
    stored = [artifacts.index_artifact(session, artifact) for artifact in found]
    for project in dict.fromkeys(artifact.project for artifact in found):
        own = [_announced(artifact) for artifact in found if artifact.project == project]
        events.append_events(session, project, own)
    return stored


def _announced(artifact: Artifact) -> EventDraft:
    return EventDraft(
        key=f"artifact#{artifact.id}",
        type=EventType.ARTIFACT_CREATED,
        name="artifact.created",
        story=artifact.story,
        data={
            "artifact": artifact.id,
            "kind": artifact.kind,
            "path": artifact.path,
            "bytes": artifact.bytes,
            "sha256": artifact.sha256,
        },
    )
