"""The bundle of a real run record: complete, deterministic, safe, and only what the manifest says."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from activities.bundle import build_bundle
from paceline.domain.questions import Answer, Decision
from paceline.domain.states import RunState, StoryState
from paceline.domain.status import Artifact
from paceline.settings import Settings
from paceline.store import artifacts, events, questions, runs, status
from paceline.store.database import Database
from tests.integration.api.allotment import PLAN, Calls, Record, a_question, git

BRANCH = "paceline/allotment/sprint"


async def store(
    database: Database, settings: Settings, name: str, path: str, content: bytes, project: str = "allotment"
) -> Path:
    """Put a file into the artifact folder and index it for the first story."""
    file = settings.artifact_root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    artifact = Artifact(
        id=name,
        project=project,
        story="Story 1.1",
        kind="log",
        path=path,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
    )
    await database.write(artifacts.index_artifact, artifact)
    return file


def sprint_branch_with_a_change(repository: Path) -> str:
    """Commit a change on the sprint's branch; returns the commit before it."""
    base = git(repository, "rev-parse", "HEAD")
    git(repository, "switch", "--quiet", "--create", BRANCH)
    (repository / "beds.txt").write_text("four\n")
    (repository / "photo.bin").write_bytes(bytes(range(256)))
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "Dig")
    git(repository, "switch", "--quiet", "main")
    return base


async def test_the_bundle_holds_everything_and_the_manifest_is_true(
    database: Database, settings: Settings, record: Record, repository: Path
) -> None:
    base = sprint_branch_with_a_change(repository)
    recorded = await record(repository=repository, base=base)
    await recorded.happen("story.merged")
    await database.write(
        status.set_story, "allotment", "Story 1.1", state=StoryState.MERGED, merge_commit="c0ffee" * 6
    )
    await database.write(questions.open_question, a_question("q1"))
    given = Answer(question="q1", decision=Decision.AMEND, text="deeper", actor="ada")
    await database.write(questions.record_answer, "q1", given)
    await store(database, settings, "a1", "allotment/stories/1.1/agent.log", b"dug\n")

    artifact = await build_bundle(database, settings, "allotment")
    path = settings.artifact_root / artifact.path
    assert hashlib.sha256(path.read_bytes()).hexdigest() == artifact.sha256
    assert path.stat().st_size == artifact.bytes
    with zipfile.ZipFile(path) as bundle:
        contents = {name: bundle.read(name) for name in bundle.namelist()}
    manifest = json.loads(contents.pop("manifest.json"))
    assert {entry["path"]: (entry["sha256"], entry["bytes"]) for entry in manifest["files"]} == {
        name: (hashlib.sha256(content).hexdigest(), len(content)) for name, content in contents.items()
    }
    assert contents["requirements/plan.md"].decode() == PLAN
    assert contents["stories/story-1.1/agent.log"] == b"dug\n"
    assert json.loads(contents["events.jsonl"].splitlines()[0])["name"] == "story.merged"
    assert json.loads(contents["questions.json"])[0]["answer"]["text"] == "deeper"
    assert json.loads(contents["status.json"])["counts"]["merged"] == 1
    assert json.loads(contents["plan.json"])["stories"][0]["id"] == "Story 1.1"
    assert "No stone is larger than a fist" in contents["requirements/requirements.md"].decode()
    assert "amend by ada: deeper" in contents["documentation/project-summary.md"].decode()
    assert "1 of 2 stories" in contents["README.md"].decode()
    (branch,) = json.loads(contents["code/changes.json"])["branches"]
    assert (branch["branch"], branch["changed"]) == (BRANCH, ["beds.txt", "photo.bin"])


async def test_the_patch_applies_to_the_base(
    database: Database, settings: Settings, record: Record, repository: Path, tmp_path: Path
) -> None:
    base = sprint_branch_with_a_change(repository)
    await record(repository=repository, base=base)
    artifact = await build_bundle(database, settings, "allotment")
    with zipfile.ZipFile(settings.artifact_root / artifact.path) as bundle:
        patch = tmp_path / "sprint.patch"
        patch.write_bytes(bundle.read("code/sprint.patch"))
    git(repository, "apply", "--binary", str(patch))
    assert (repository / "beds.txt").read_text() == "four\n"
    assert (repository / "photo.bin").read_bytes() == bytes(range(256))


async def test_building_again_and_at_once_is_building_once(
    database: Database, settings: Settings, record: Record
) -> None:
    recorded = await record()
    await recorded.happen("one")
    first = await build_bundle(database, settings, "allotment")
    content = (settings.artifact_root / first.path).read_bytes()
    again = await asyncio.gather(*(build_bundle(database, settings, "allotment") for _ in range(4)))
    assert {artifact.id for artifact in again} == {first.id}
    assert (settings.artifact_root / first.path).read_bytes() == content
    assert [entry.name for entry in (settings.artifact_root / "allotment").iterdir()] == [
        Path(first.path).name
    ]
    created = [event.name for event in await database.read(events.events_after, "allotment")]
    assert created == ["one", "artifact.created"]
    await recorded.happen("two")
    assert (await build_bundle(database, settings, "allotment")).id != first.id


async def test_hostile_names_and_lost_files_do_no_harm(
    database: Database, settings: Settings, record: Record, tmp_path: Path
) -> None:
    await record()
    outside = tmp_path / "secret.txt"
    outside.write_text("hunter2")
    await store(database, settings, "odd", "allotment/..\\evil $(x).log", b"odd")
    await store(database, settings, "same1", "allotment/a/log.txt", b"one")
    await store(database, settings, "same2", "allotment/b/log.txt", b"two")
    (await store(database, settings, "lost", "allotment/lost.log", b"x")).unlink()
    escape = Artifact(
        id="escape", project="allotment", kind="log", path="../../secret.txt", bytes=7, sha256="0" * 64,
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
    )  # fmt: skip
    await database.write(artifacts.index_artifact, escape)
    artifact = await build_bundle(database, settings, "allotment")
    with zipfile.ZipFile(settings.artifact_root / artifact.path) as bundle:
        names = bundle.namelist()
        texts = [bundle.read(name) for name in names]
        manifest = json.loads(bundle.read("manifest.json"))
    assert len(names) == len(set(names))
    assert all(
        ".." not in name.split("/") and "\\" not in name and not name.startswith("/") for name in names
    )
    assert {b"one", b"two", b"odd"} <= set(texts)
    assert not any(b"hunter2" in text for text in texts)
    assert manifest["missing"] == ["escape", "lost"]


async def test_no_secret_of_a_log_or_an_answer_is_in_the_bundle(
    database: Database, settings: Settings, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = ("hunter2hunter2", "ghp_" + "a" * 36, "the-token-of-the-api")
    monkeypatch.setenv("SOME_SERVICE_PASSWORD", secrets[0])
    known = settings.model_copy(update={"api_token": SecretStr(secrets[2])})
    await record()
    await store(database, settings, "a1", "allotment/agent.log", " and ".join(secrets).encode())
    await database.write(questions.open_question, a_question("q1"))
    given = Answer(question="q1", decision=Decision.AMEND, text=f"use {secrets[1]}", actor="ada")
    await database.write(questions.record_answer, "q1", given)
    artifact = await build_bundle(database, known, "allotment")
    with zipfile.ZipFile(settings.artifact_root / artifact.path) as bundle:
        texts = {name: bundle.read(name).decode() for name in bundle.namelist()}
    assert not [name for name, text in texts.items() for secret in secrets if secret in text]
    assert texts["stories/story-1.1/agent.log"] == "[redacted] and [redacted] and [redacted]"
    told = {each["path"]: each.get("redacted", 0) for each in json.loads(texts["manifest.json"])["files"]}
    assert told["stories/story-1.1/agent.log"] == 3


# Over the API ---


async def test_generate_summary_download_and_delete(
    api: Calls, database: Database, settings: Settings, record: Record
) -> None:
    await record()
    await record("other")
    log = await store(database, settings, "a1", "allotment/agent.log", b"dug\n")
    other = (await api.post("/api/v1/artifacts/other/generate")).json()
    made = await api.post("/api/v1/artifacts/allotment/generate")
    summary = (await api.get("/api/v1/artifacts/allotment/summary")).json()
    download = await api.get("/api/v1/artifacts/allotment/download")
    assert made.status_code == 201
    assert summary["kinds"] == {"bundle": 1, "log": 1}
    assert summary["count"] == 2
    assert Path(summary["bundle_path"]).read_bytes() == download.content
    assert download.headers["content-type"] == "application/zip"
    assert hashlib.sha256(download.content).hexdigest() == made.json()["sha256"]
    with zipfile.ZipFile(io.BytesIO(download.content)) as bundle:
        assert bundle.testzip() is None

    running = await api.delete("/api/v1/artifacts/allotment/artifacts")
    assert running.status_code == 409
    await database.write(runs.end_run, "allotment", RunState.COMPLETED)
    deleted = (await api.delete("/api/v1/artifacts/allotment/artifacts")).json()
    assert deleted["deleted"] == 2
    assert not log.exists()
    assert not Path(summary["bundle_path"]).exists()
    assert (await api.get("/api/v1/artifacts/allotment/download")).status_code == 410
    assert (settings.artifact_root / other["path"]).exists()
    assert (await api.get("/api/v1/artifacts/other/download")).status_code == 200


async def test_a_clean_up_takes_old_runs_only_and_none_that_runs(
    api: Calls, database: Database, settings: Settings, record: Record
) -> None:
    logs: dict[str, Path] = {}
    for name in ("old", "running"):
        await record(name)
        logs[name] = await store(database, settings, f"log-of-{name}", f"{name}/log", b"dug\n", name)
    await database.write(runs.end_run, "old", RunState.COMPLETED)
    path = "/api/v1/artifacts/cleanup-old"
    assert (await api.post(path, json={"days": 1})).json() == []
    would = (await api.post(path, json={"days": 0, "dry_run": True})).json()
    assert logs["old"].exists()
    done = (await api.post(path, json={"days": 0})).json()
    assert would == done == [{"project": "old", "deleted": 1, "bytes": 4}]
    assert (logs["old"].exists(), logs["running"].exists()) == (False, True)
    assert (await api.get("/api/v1/artifacts/old/summary")).json()["count"] == 0
    assert (await api.post(path, json={"days": 0})).json() == []
    assert (await api.post(path, json={"days": -1})).status_code == 422


@pytest.mark.parametrize("verb", ["generate", "summary", "download"])
async def test_an_unknown_project_has_no_artifacts(api: Calls, verb: str) -> None:
    method = "POST" if verb == "generate" else "GET"
    assert (await api.request(method, f"/api/v1/artifacts/nothing/{verb}")).status_code == 404
