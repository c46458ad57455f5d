"""Listing and sending artifacts: conditional, in ranges, one by one, hostile paths, removed ones."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from paceline.domain.states import RunState, StoryState
from paceline.plans.reader import read_plan
from paceline.settings import Settings
from paceline.store import artifacts, runs, status
from paceline.store.database import Database
from tests.integration.api.allotment import Calls, Record
from tests.integration.api.test_bundle import sprint_branch_with_a_change, store

A = "/api/v1/artifacts/allotment"


async def test_a_download_is_conditional_and_in_ranges(api: Calls, record: Record) -> None:
    await record()
    made = (await api.post(f"{A}/generate")).json()
    whole = await api.get(f"{A}/download")
    etag = whole.headers["etag"]
    head = await api.head(f"{A}/download")
    assert etag == f'"{made["sha256"]}"'
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(whole.content) == made["bytes"]
    assert head.headers["etag"] == etag
    for tag in (etag, f"W/{etag}", "*", f'"other", {etag}'):
        known = await api.get(f"{A}/download", headers={"If-None-Match": tag})
        assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag)
    assert (await api.get(f"{A}/download", headers={"If-None-Match": '"other"'})).status_code == 200
    parts = [
        await api.get(f"{A}/download", headers={"Range": f"bytes={span}", "If-Range": etag})
        for span in ("0-99", "100-")
    ]
    assert [part.status_code for part in parts] == [206, 206]
    assert parts[0].content + parts[1].content == whole.content
    beyond = await api.get(f"{A}/download", headers={"Range": f"bytes={made['bytes']}-"})
    assert (beyond.status_code, beyond.json()["code"]) == (416, "RANGE_UNSATISFIABLE")
    assert beyond.json()["bytes"] == made["bytes"]
    for nonsense in ("bytes=9-1", "lines=1-2", "bytes", "bytes=,"):
        ignored = await api.get(f"{A}/download", headers={"Range": nonsense})
        assert (ignored.status_code, ignored.content) == (200, whole.content)
    changed = await api.get(f"{A}/download", headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert changed.content == whole.content


async def test_artifacts_are_listed_by_path_in_pages_and_sent_by_id(
    api: Calls, database: Database, settings: Settings, record: Record
) -> None:
    await record()
    await record("other")
    texts = {f"a{number}": f"{number}\n".encode() for number in range(5)}
    for name, text in texts.items():
        await store(database, settings, name, f"allotment/z{9 - int(name[1])}.log", text)
    await store(database, settings, "foreign", "other/agent.log", b"theirs", "other")
    listed = (await api.get(A)).json()
    assert [each["id"] for each in listed] == ["a4", "a3", "a2", "a1", "a0"]
    assert {each["sha256"] for each in listed} == {
        hashlib.sha256(text).hexdigest() for text in texts.values()
    }
    pages: list[str] = []
    after: dict[str, str] = {}
    while page := (await api.get(A, params={"limit": "2", **after})).json():
        pages += [each["id"] for each in page]
        after = {"after": page[-1]["id"]}
    assert pages == [each["id"] for each in listed]
    assert (await api.get(A, params={"story": "Story 1.2"})).json() == []
    assert (await api.get(A, params={"kind": "log", "limit": "1"})).json() == listed[:1]
    one = await api.get(f"{A}/files/a3")
    assert (one.content, one.headers["etag"]) == (texts["a3"], f'"{listed[1]["sha256"]}"')
    assert one.headers["content-type"].startswith("text/plain")
    assert one.headers["x-content-type-options"] == "nosniff"
    assert (await api.get(f"{A}/files/foreign")).status_code == 404
    assert (await api.get(A, params={"after": "foreign"})).status_code == 404
    assert (await api.get("/api/v1/artifacts/nothing")).status_code == 404


@pytest.mark.parametrize(
    "hostile",
    [
        "..%2F..%2Fsecret.txt",
        "../../secret.txt",
        "%00",
        "a%0d%0aSet-Cookie:x",
        "C:%5Csecret.txt",
        "a" * 5000,
        "%ff",
    ],
)
async def test_hostile_paths_are_not_found(
    api: Calls, database: Database, settings: Settings, record: Record, tmp_path: Path, hostile: str
) -> None:
    await record()
    (tmp_path / "secret.txt").write_text("hunter2")
    answer = await api.get(f"{A}/files/{hostile}")
    assert answer.status_code == (422 if hostile == "%00" else 404)
    assert "hunter2" not in answer.text


async def test_a_file_that_leads_outside_or_changed_is_not_sent(
    api: Calls, database: Database, settings: Settings, record: Record, tmp_path: Path
) -> None:
    await record()
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2")
    link = await store(database, settings, "link", "allotment/link.log", b"hunter2")
    link.unlink()
    link.symlink_to(secret)
    await record("other")
    await store(database, settings, "theirs", "other/agent.log", b"hunter2", "other")
    across = await store(database, settings, "across", "allotment/across.log", b"hunter2")
    across.unlink()
    across.symlink_to(settings.artifact_root / "other" / "agent.log")
    await store(database, settings, "up", "allotment/../other/agent.log", b"hunter2")
    grown = await store(database, settings, "grown", "allotment/grown.log", b"one")
    grown.write_text("two and more")
    for name in ("link", "across", "up", "grown"):
        assert (await api.get(f"{A}/files/{name}")).status_code == 404
    await api.post(f"{A}/generate")
    bundle = await api.get(f"{A}/download")
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as found:
        assert not any(b"hunter2" in found.read(name) for name in found.namelist())


async def test_what_was_removed_says_why(
    api: Calls, database: Database, settings: Settings, record: Record
) -> None:
    await record()
    await store(database, settings, "a1", "allotment/stories/1.1/agent.log", b"dug\n")
    assert (await api.get(f"{A}/download")).status_code == 404
    await api.post(f"{A}/generate")
    await database.write(runs.end_run, "allotment", RunState.COMPLETED)
    assert (await api.delete(f"{A}/artifacts")).json()["deleted"] == 2
    for path in ("download", "files/a1"):
        gone = await api.get(f"{A}/{path}")
        assert (gone.status_code, gone.json()["code"]) == (410, "ARTIFACTS_REMOVED")
        assert gone.json()["reason"] == "a person asked for it"
    (told,) = (await api.get("/api/v1/projects/allotment/events", params={"limit": "100"})).json()[-1:]
    assert (told["name"], told["data"]["count"]) == ("artifacts.removed", 2)
    assert not (settings.artifact_root / "allotment").exists()
    again = await api.delete(f"{A}/artifacts")
    assert again.json()["deleted"] == 0
    assert (await api.post(f"{A}/generate")).status_code == 201
    assert (await api.get(f"{A}/download")).status_code == 200


async def test_the_summary_reads_back_to_the_counts_of_git_and_database(
    api: Calls, database: Database, record: Record, repository: Path
) -> None:
    base = sprint_branch_with_a_change(repository)
    await record(repository=repository, base=base)
    await database.write(status.set_story, "allotment", "Story 1.1", state=StoryState.MERGED)
    found = await api.get("/api/v1/projects/allotment/summary")
    assert found.headers["content-type"] == "text/markdown; charset=utf-8"
    report = read_plan(found.text)
    facts = {fact.name: fact.value for fact in report.facts}
    assert [(epic.title, epic.implicit) for epic in report.epics] == [("Beds", False)]
    assert [story.done for story in report.stories] == [True, False]
    assert {each["path"]: each["new"] for each in facts["files"]} == {"photo.bin": True, "beds.txt": False}
    assert facts["completion"]["percent"] == 50.0
    assert facts["next_steps"]
    known = await api.get(
        "/api/v1/projects/allotment/summary", headers={"If-None-Match": found.headers["etag"]}
    )
    assert (known.status_code, known.content) == (304, b"")
    made = await api.post(f"{A}/generate")
    assert made.status_code == 201
    with zipfile.ZipFile(io.BytesIO((await api.get(f"{A}/download")).content)) as bundle:
        assert bundle.read("documentation/completion-summary.md").decode() == found.text
        assert b'"counts": {\n      "deleted": 0,\n      "modified": 1,\n      "new": 1' in bundle.read(
            "code/changes.json"
        )


async def test_a_summary_without_its_repository_says_so(api: Calls, record: Record, tmp_path: Path) -> None:
    await record(repository=tmp_path / "gone", base="c0ffee" * 6)
    found = await api.get("/api/v1/projects/allotment/summary")
    assert found.status_code == 200
    assert "Not known: the repository is not there." in found.text
    assert (await api.get("/api/v1/projects/nothing/summary")).status_code == 404


async def test_the_state_before_gives_the_bundle_before(
    api: Calls, database: Database, settings: Settings, record: Record
) -> None:
    await record()
    first = (await api.post(f"{A}/generate")).json()
    file = await store(database, settings, "a1", "allotment/agent.log", b"dug\n")
    second = (await api.post(f"{A}/generate")).json()
    await database.write(artifacts.forget_artifacts, ["a1"])
    file.unlink()
    third = (await api.post(f"{A}/generate")).json()
    assert second["sha256"] != first["sha256"]
    assert (third["id"], third["sha256"]) == (first["id"], first["sha256"])
    download = await api.get(f"{A}/download")
    assert hashlib.sha256(download.content).hexdigest() == first["sha256"]
