"""The ZIP of a bundle: known bytes, safe names, no secrets, whole or not there."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import sys
import zipfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from activities.bundle_zip import MANIFEST, SCRATCH, Entry, write_bundle
from activities.retention import remove_left_over
from paceline.settings import Settings
from paceline.store.database import Database
from paceline.store.migrate import upgrade
from tests.world import ROOT

ENTRIES = (
    Entry("README.md", b"# A run\n"),
    Entry("code/sprint.patch", b"+key = 'AKIAABCDEFGHIJKLMNOP'\n", verbatim=True),
    Entry("stories/1.1/agent.log", b"token ghp_" + b"a" * 36 + b"\n"),
    Entry("stories/1.1/Agent.log", "caf\u00e9\n".encode()),
    Entry("stories/1.1/../../con.txt", b"here\n"),
)
KNOWN = "7199344844d5a4c390a8c64030c087881b04d986e9988a1b43551e7e1ac5e1ea"
"""What the bytes are with every Python, zlib and system."""


def build(folder: Path) -> str:
    path, _ = write_bundle(folder, "allotment", ENTRIES, ["lost"], [b"a-known-secret"])
    return hashlib.sha256(path.read_bytes()).hexdigest()


def contents(folder: Path) -> dict[str, bytes]:
    (path,) = folder.glob("bundle-*.zip")
    with zipfile.ZipFile(path) as bundle:
        return {info.filename: bundle.read(info) for info in bundle.infolist()}


def test_the_bytes_are_known(tmp_path: Path) -> None:
    assert build(tmp_path) == KNOWN


def test_names_are_safe_and_the_manifest_tells_of_what_was_taken_out(tmp_path: Path) -> None:
    build(tmp_path)
    found = contents(tmp_path)
    assert len({name.lower() for name in found}) == len(ENTRIES) + 1
    assert not any(part in ("", ".", "..", "con.txt") for name in found for part in name.split("/"))
    manifest = json.loads(found.pop(MANIFEST))
    assert manifest["missing"] == ["lost"]
    assert {each["path"]: (each["bytes"], each["sha256"]) for each in manifest["files"]} == {
        name: (len(text), hashlib.sha256(text).hexdigest()) for name, text in found.items()
    }
    (redacted,) = [each["path"] for each in manifest["files"] if each.get("redacted")]
    assert found[redacted] == b"token [redacted]\n"
    assert found["code/sprint.patch"] == ENTRIES[1].content


def test_a_secret_is_in_no_member_and_a_patch_still_applies(tmp_path: Path) -> None:
    entries = [
        Entry("a.log", b"the a-known-secret is here"),
        Entry("b.patch", b"+a-known-secret\n+AKIAABCDEFGHIJKLMNOP\n", verbatim=True),
    ]
    write_bundle(tmp_path, "allotment", entries, [], [b"a-known-secret"])
    found = contents(tmp_path)
    assert found["a.log"] == b"the [redacted] is here"
    assert found["b.patch"] == b"+[redacted]\n+AKIAABCDEFGHIJKLMNOP\n"


def test_processes_that_build_at_once_do_not_clash(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        digests = list(processes.map(build, [tmp_path] * 4))
    assert set(digests) == {KNOWN}
    assert [path.name[:7] for path in tmp_path.iterdir()] == ["bundle-"]


_BUILDER = """\
import sys
from pathlib import Path
from activities.bundle_zip import Entry, write_bundle
folder = Path(sys.argv[1])
write_bundle(folder, "allotment", [Entry("a.log", b"x" * 100_000), Entry("b.log", Path(sys.argv[2]))], [], [])
"""


async def test_a_killed_builder_leaves_nothing_that_is_served(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    folder, pipe = settings.artifact_root / "allotment", tmp_path / "pipe"
    # The builder waits for somebody who writes into the pipe, and has half of the file by then.
    os.mkfifo(pipe)
    builder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _BUILDER, str(folder), str(pipe), cwd=ROOT
    )
    async with asyncio.timeout(30):
        while not list(folder.glob(f"{SCRATCH}*")):  # noqa: ASYNC110 - another process sets no event here
            await asyncio.sleep(0.02)
    builder.send_signal(signal.SIGKILL)
    await builder.wait()
    assert [path.name[: len(SCRATCH)] for path in folder.iterdir()] == [SCRATCH]
    upgrade(settings.resolved_database_url)
    database = Database(settings.resolved_database_url)
    try:
        assert await remove_left_over(database, settings) == 0
        assert await remove_left_over(database, settings, older=-1.0) == 1
    finally:
        database.close()
    assert list(folder.iterdir()) == []
