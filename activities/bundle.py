"""The bundle: everything a run leaves behind, as one ZIP with a manifest of SHA-256.

The same state of a run gives the same bytes: entries are sorted and carry no clock, and what a bundle itself
adds to the run (its event, its place in the index) is left out. The file is named after its manifest's digest
and appears by an atomic rename, so that building twice, also at once, is building once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel
from sqlalchemy.orm import Session

from activities import bundle_texts
from activities.bundle_zip import Entry, json_bytes, size_and_digest, write_bundle
from activities.file_log import log_of_branches, sprint_branches
from activities.files import is_inside
from activities.reports import report_files
from activities.run_record import BUNDLE, RunRecord, read_record
from paceline.domain import ids
from paceline.domain.completion_summary import FileLog, SummaryFacts, completion_summary
from paceline.domain.events import EventDraft, EventType
from paceline.domain.member_names import safe_part
from paceline.domain.redaction import secret_values
from paceline.domain.status import Artifact
from paceline.observe.redaction import secrets_of
from paceline.settings import Settings
from paceline.store import artifacts, events
from paceline.store.database import Database
from paceline.vcs.diff import changed_paths
from paceline.vcs.git import git
from paceline.vcs.repository import Repository

ARTIFACT_EVENT = "artifact.created"
DIFF = "diff"
DECIDED = frozenset(
    {
        "steered", "steer.refused", "plan.amended", "question.answered", "retrospective.entry",
        "story.carried_over", "story.deferred", "story.simplified", "story.pulled_in", "story.added",
        "story.reverted", "story.restored", "agent.away", "agent.back", "agent.replaced",
        "rollback.asked", "rollback.made", "rollback.refused",
    }
)  # fmt: skip
"""Events in which somebody decided something."""


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
    record = await database.read(read_record, project)
    code, files = await _code(record)
    path, digest = await asyncio.to_thread(_write, settings, record, code, files)
    size, sha256 = await asyncio.to_thread(size_and_digest, path)
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


def _write(settings: Settings, record: RunRecord, code: Sequence[Entry], files: FileLog) -> tuple[Path, str]:
    stored, missing = _stored(settings.artifact_root, record)
    entries = [*_documents(record, files), *_reports(record), *code, *stored]
    secrets = secret_values(secrets_of(settings))
    return write_bundle(settings.artifact_root / record.run.id, record.run.id, entries, missing, secrets)


def newest_bundle(session: Session, project: str) -> Artifact | None:
    """The bundle that was made last; None where none was."""
    found = artifacts.list_artifacts(session, project, kind=BUNDLE)
    return max(found, key=lambda artifact: artifact.created_at, default=None)


def _index(session: Session, artifact: Artifact) -> Artifact:
    indexed = artifacts.index_artifact(session, artifact)
    newest = newest_bundle(session, artifact.project)
    if newest is not None and newest.id != indexed.id:
        # The run is as it was when this one was made before the newest.
        indexed = artifacts.renew_artifact(session, indexed.id, artifact.created_at)
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


async def _code(record: RunRecord) -> tuple[list[Entry], FileLog]:
    """The change of every sprint branch as a patch that `git apply` takes, and which files it is about."""
    entries: list[Entry] = []
    branches: list[dict[str, object]] = []
    files = FileLog()
    run = record.run
    if run.repository is not None and run.base_commit is not None:
        repository = await Repository.open(Path(run.repository))
        found = await sprint_branches(repository, run.id, record.sprints)
        for branch in found:
            between = (run.base_commit, branch.commit)
            changed = [change.path for change in await changed_paths(repository, *between)]
            patch = await git(
                repository.common_dir, "diff-tree", "-r", "-p", "--binary", "--no-renames", "--no-color",
                "--no-ext-diff", "--no-textconv", *between,
            )  # fmt: skip
            name = f"code/{ids.slug(branch.sprint)}.patch"
            entries.append(Entry(name, patch.out, verbatim=True))
            branches.append(
                {"branch": branch.name, "commit": branch.commit, "patch": name, "changed": changed}
            )
        files = await log_of_branches(repository, run.base_commit, found)
    log = {**files.model_dump(), "counts": {kind: len(paths) for kind, paths in files}}
    changes = {
        "repository": run.repository,
        "base_commit": run.base_commit,
        "branches": branches,
        "files": log,
    }
    return [*entries, Entry("code/changes.json", json_bytes(changes))], files


def _documents(record: RunRecord, files: FileLog) -> list[Entry]:
    where = record.status.model_dump(mode="json", exclude={"last_event"})
    return [
        Entry("README.md", bundle_texts.readme(record).encode()),
        Entry("plan.json", record.plan.to_json().encode()),
        Entry("status.json", json_bytes(where)),
        Entry("events.jsonl", _lines(record.events)),
        Entry(
            "claims.jsonl",
            _lines(record.decisions),
        ),
        Entry("proofs.json", json_bytes([proof.model_dump(mode="json") for proof in record.proofs])),
        Entry(
            "questions.json", json_bytes([question.model_dump(mode="json") for question in record.questions])
        ),
        Entry("metrics.json", json_bytes(_measured(record))),
        Entry("requirements/plan.md", record.plan_text.encode(), verbatim=True),
        Entry("requirements/requirements.md", bundle_texts.requirements(record).encode()),
        Entry("documentation/project-summary.md", bundle_texts.summary(record).encode()),
        Entry("documentation/completion-summary.md", _summary(record, files).encode()),
        *_decisions(record),
        *_evidence(record),
    ]


def _summary(record: RunRecord, files: FileLog) -> str:
    return completion_summary(
        SummaryFacts(record.in_force, record.status, record.completion, files, record.questions, record.aims)
    )


def _decisions(record: RunRecord) -> list[Entry]:
    """What people decided: answers, steering, changes of the plan and rollbacks."""
    told = [event for event in record.events if event.name in DECIDED]
    return [
        Entry("decisions/decisions.md", bundle_texts.decisions(record, told).encode()),
        Entry("decisions/events.jsonl", _lines(told)),
        Entry(
            "decisions/rollbacks.json",
            json_bytes([each.model_dump(mode="json") for each in record.rollbacks]),
        ),
    ]


def _evidence(record: RunRecord) -> list[Entry]:
    """What proved each story, beside its logs."""
    by_story: dict[str, list[object]] = {}
    for proof in record.proofs:
        by_story.setdefault(proof.story, []).append(proof.model_dump(mode="json"))
    return [
        Entry(f"stories/{ids.slug(story)}/proofs.json", json_bytes(proofs))
        for story, proofs in by_story.items()
    ]


def _lines(models: Iterable[BaseModel]) -> bytes:
    return b"".join(model.model_dump_json().encode() + b"\n" for model in models)


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
    for artifact in sorted(record.artifacts, key=lambda artifact: artifact.id):
        source = root / artifact.path
        if not is_inside(root, artifact.path) or not source.is_file():
            missing.append(artifact.id)
            continue
        folder = f"stories/{ids.slug(artifact.story)}" if artifact.story else "run"
        attempt = next((part for part in Path(artifact.path).parts if part.startswith("attempt-")), None)
        folder = f"{folder}/{safe_part(attempt)}" if attempt else folder
        name = f"{folder}/{safe_part(source.name)}"
        entries.append(Entry(name, source, verbatim=artifact.kind == DIFF))
    return entries, missing
