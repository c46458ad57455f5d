"""The bundle: everything a run leaves behind, as one ZIP with a manifest of SHA-256.

The same state of a run gives the same bytes: entries are sorted and carry no clock, and what a bundle itself
adds to the run (its event, its place in the index) is left out. The file is named after its manifest's digest
and appears by an atomic rename, so that building twice, also at once, is building once.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from sqlalchemy.orm import Session

from activities import bundle_texts
from activities.bundle_texts import RunRecord
from activities.reports import REPORT, report_files
from activities.sprint_records import all_events
from paceline.domain import ids
from paceline.domain.claims import DecisionRecord
from paceline.domain.events import Event, EventDraft, EventType
from paceline.domain.status import Artifact
from paceline.settings import Settings
from paceline.store import (
    artifacts,
    claim_decisions,
    events,
    measurements,
    proofs,
    questions,
    reports,
    runs,
    status,
)
from paceline.store.database import Database
from paceline.vcs.diff import changed_paths
from paceline.vcs.git import git
from paceline.vcs.repository import Repository

BUNDLE = "bundle"
ARTIFACT_EVENT = "artifact.created"
_PAGE = 1000
_CHUNK = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest time that a ZIP can say."""
_NEVER_DEAD = 1e9
"""Whether an agent looks dead depends on the clock; a bundle does not."""
_QUESTIONS = 10_000


@dataclass(frozen=True)
class Entry:
    """One file of the bundle: its name and its bytes, or where they are."""

    name: str
    content: bytes | Path


async def build_bundle(database: Database, settings: Settings, project: str) -> Artifact:
    """Build the ZIP of a run, put it into the artifact folder and index it.

    Args:
        database: where the run is.
        settings: names the artifact folder.
        project: id of the run.

    Returns:
        The bundle; the one that is there already where nothing changed since.

    Raises:
        NotFound: there is no such run.
        RepositoryMissing: the run's repository is gone.
    """
    record = await database.read(_read_record, project)
    code = await _code(record)
    path, digest = await asyncio.to_thread(_write_zip, settings.artifact_root, record, code)
    size, sha256 = await asyncio.to_thread(_size_and_digest, path)
    artifact = Artifact(
        id=f"{project}-bundle-{digest[:12]}",
        project=project,
        kind=BUNDLE,
        path=path.relative_to(settings.artifact_root).as_posix(),
        bytes=size,
        sha256=sha256,
        created_at=datetime.now(UTC),
    )
    return await database.write(_index, artifact)


def newest_bundle(session: Session, project: str) -> Artifact | None:
    """The bundle that was made last; None where none was."""
    found = artifacts.list_artifacts(session, project, kind=BUNDLE)
    return max(found, key=lambda artifact: artifact.created_at, default=None)


def _read_record(session: Session, project: str) -> RunRecord:
    run = runs.get_run(session, project)
    return RunRecord(
        run=run,
        plan=runs.load_plan(session, run.plan_digest),
        plan_text=runs.plan_text(session, run.plan_digest),
        status=status.project_status(session, project, _NEVER_DEAD),
        events=[event for event in all_events(session, project) if not _is_of_bundle(event)],
        questions=questions.list_questions(session, project, None, _QUESTIONS),
        proofs=proofs.proofs_of(session, project),
        decisions=list(_all_decisions(session, project)),
        # Reports are written anew, with what people added to them since.
        artifacts=[a for a in artifacts.list_artifacts(session, project) if a.kind not in (BUNDLE, REPORT)],
        reports=reports.reports_of(session, project)[::-1],
        entries=reports.entries_of(session, project),
        aims=measurements.states_of(session, project),
        measurements=measurements.measurements_of(session, project),
    )


def _all_decisions(session: Session, project: str) -> Iterator[DecisionRecord]:
    after = 0
    while page := claim_decisions.decisions_of(session, project, after=after, limit=_PAGE):
        yield from page
        after = page[-1].number


def _is_of_bundle(event: Event) -> bool:
    return event.type is EventType.ARTIFACT_CREATED and event.data.get("kind") == BUNDLE


def _index(session: Session, artifact: Artifact) -> Artifact:
    indexed = artifacts.index_artifact(session, artifact)
    draft = EventDraft(
        key=f"artifact#{artifact.id}",
        type=EventType.ARTIFACT_CREATED,
        name=ARTIFACT_EVENT,
        data={
            "artifact": indexed.id,
            "kind": BUNDLE,
            "path": indexed.path,
            "bytes": indexed.bytes,
            "sha256": indexed.sha256,
        },
    )
    events.append_events(session, artifact.project, [draft])
    return indexed


# What goes in ---


async def _code(record: RunRecord) -> list[Entry]:
    """The change of every sprint branch as a patch that `git apply` takes, and its list of files."""
    entries: list[Entry] = []
    branches: list[dict[str, object]] = []
    run = record.run
    if run.repository is not None and run.base_commit is not None:
        repository = await Repository.open(run.repository)
        for sprint in record.sprints:
            branch = ids.sprint_branch(run.id, sprint)
            commit = await repository.resolve(f"refs/heads/{branch}")
            if commit is None:
                continue
            between = (run.base_commit, commit)
            changed = [change.path for change in await changed_paths(repository, *between)]
            patch = await git(
                repository.common_dir, "diff-tree", "-r", "-p", "--binary", "--no-renames", "--no-color",
                "--no-ext-diff", "--no-textconv", *between,
            )  # fmt: skip
            name = f"code/{ids.slug(sprint)}.patch"
            entries.append(Entry(name, patch.out))
            branches.append({"branch": branch, "commit": commit, "patch": name, "changed": changed})
    changes = {"repository": run.repository, "base_commit": run.base_commit, "branches": branches}
    return [*entries, Entry("code/changes.json", _json(changes))]


def _documents(record: RunRecord) -> list[Entry]:
    where = record.status.model_dump(mode="json", exclude={"last_event"})
    return [
        Entry("README.md", bundle_texts.readme(record).encode()),
        Entry("plan.json", record.plan.to_json().encode()),
        Entry("status.json", _json(where)),
        Entry("events.jsonl", b"".join(event.model_dump_json().encode() + b"\n" for event in record.events)),
        Entry("claims.jsonl", b"".join(made.model_dump_json().encode() + b"\n" for made in record.decisions)),
        Entry("proofs.json", _json([proof.model_dump(mode="json") for proof in record.proofs])),
        Entry("questions.json", _json([question.model_dump(mode="json") for question in record.questions])),
        Entry("metrics.json", _json(_measured(record))),
        Entry("requirements/plan.md", record.plan_text.encode()),
        Entry("requirements/requirements.md", bundle_texts.requirements(record).encode()),
        Entry("documentation/project-summary.md", bundle_texts.summary(record).encode()),
    ]


def _measured(record: RunRecord) -> dict[str, object]:
    return {
        "aims": [aim.model_dump(mode="json") for aim in record.aims],
        "measurements": [each.model_dump(mode="json") for each in record.measurements],
    }


def _reports(record: RunRecord) -> list[Entry]:
    return [
        Entry(f"reports/{ids.slug(report.sprint)}/{name}", text.encode())
        for report in record.reports
        for name, text in report_files(report, record.plan, record.entries)
    ]


def _stored(root: Path, record: RunRecord) -> tuple[list[Entry], list[str]]:
    """Files of the artifact index, and those that are no longer on disk."""
    entries: list[Entry] = []
    missing: list[str] = []
    taken: set[str] = set()
    for artifact in sorted(record.artifacts, key=lambda artifact: artifact.id):
        source = (root / artifact.path).resolve()
        if not source.is_relative_to(root.resolve()) or not source.is_file():
            missing.append(artifact.id)
            continue
        folder = f"stories/{ids.slug(artifact.story)}" if artifact.story else "run"
        attempt = next((part for part in Path(artifact.path).parts if part.startswith("attempt-")), None)
        folder = f"{folder}/{attempt}" if attempt else folder
        name = f"{folder}/{_safe_name(source.name)}"
        if name in taken:
            name = f"{folder}/{ids.short_digest(artifact.id)}-{_safe_name(source.name)}"
        taken.add(name)
        entries.append(Entry(name, source))
    return entries, missing


def _safe_name(name: str) -> str:
    """A file name without anything that an unpacker could take for a place."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name).lstrip(".")
    return plain[-100:] or "file"


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


# Writing ---


def _write_zip(root: Path, record: RunRecord, code: Iterable[Entry]) -> tuple[Path, str]:
    """Write every entry and then the manifest of what was really written; returns path and digest."""
    folder = root / record.run.id
    folder.mkdir(parents=True, exist_ok=True)
    stored, missing = _stored(root, record)
    entries = sorted([*_documents(record), *_reports(record), *code, *stored], key=lambda entry: entry.name)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".bundle-", delete=False) as scratch:
        partial = Path(scratch.name)
        try:
            digest = _write_entries(scratch, record.run.id, entries, missing)
            os.fchmod(scratch.fileno(), 0o644)
            os.fsync(scratch.fileno())
            target = folder / f"bundle-{digest[:16]}.zip"
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    return target, digest


def _write_entries(target: IO[bytes], project: str, entries: list[Entry], missing: list[str]) -> str:
    files: list[dict[str, object]] = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as bundle:
        for entry in entries:
            size, sha256 = _write_entry(bundle, entry)
            files.append({"path": entry.name, "bytes": size, "sha256": sha256})
        manifest = _json({"schema_version": 1, "project": project, "files": files, "missing": missing})
        _write_entry(bundle, Entry("manifest.json", manifest))
    return hashlib.sha256(manifest).hexdigest()


def _write_entry(bundle: zipfile.ZipFile, entry: Entry) -> tuple[int, str]:
    info = zipfile.ZipInfo(entry.name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    info.create_system = 3
    size, digest = 0, hashlib.sha256()
    source = io.BytesIO(entry.content) if isinstance(entry.content, bytes) else entry.content.open("rb")
    with source, bundle.open(info, "w", force_zip64=True) as out:
        while chunk := source.read(_CHUNK):
            out.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


def _size_and_digest(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
