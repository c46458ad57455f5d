"""A bundle of 200 MB is built and sent by a real server whose memory stays flat."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import zipfile
from pathlib import Path

import httpx2
import pytest

from paceline.settings import Settings
from paceline.store.database import Database
from tests.integration.api.allotment import Record
from tests.integration.api.test_bundle import store
from tests.world import ROOT

MEGABYTE = 1_000_000
_SERVER = """\
import asyncio, sys
from pathlib import Path
from temporalio.client import Client
from paceline.settings import Settings
from paceline.store.database import Database
from workers.api_server import bind, serving

async def main():
    settings = Settings(home=Path(sys.argv[1]), api_port=0)
    client = await Client.connect("127.0.0.1:1", lazy=True)
    listener = bind(settings)
    print(listener.getsockname()[1], flush=True)
    async with serving(listener, Database(settings.resolved_database_url), client, settings):
        await asyncio.Event().wait()

asyncio.run(main())
"""


def resident(pid: int) -> tuple[int, int]:
    """Bytes that a process has in memory now, and the most that it ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith("Vm")}
    return found["VmRSS"], found["VmHWM"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
async def test_memory_stays_flat(
    database: Database, settings: Settings, record: Record, tmp_path: Path
) -> None:
    await record()
    line = b"2026-11-21 09:00:00 dug the bed https://example.org/beds\n" * 1000
    for number in range(4):
        await store(
            database, settings, f"a{number}", f"allotment/{number}.log", line * (50 * MEGABYTE // len(line))
        )
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SERVER, str(settings.home), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        async with asyncio.timeout(60):
            port = int(await server.stdout.readline())
        url = f"http://127.0.0.1:{port}/api/v1/artifacts/allotment"
        async with httpx2.AsyncClient(timeout=120) as client:
            await client.get(f"{url}/summary")
            before, _ = resident(server.pid)
            made = (await client.post(f"{url}/generate")).json()
            _, built = resident(server.pid)
            digest = hashlib.sha256()
            got = tmp_path / "got.zip"
            with got.open("wb") as file:
                async with client.stream("GET", f"{url}/download") as answer:
                    async for chunk in answer.aiter_bytes():
                        digest.update(chunk)
                        file.write(chunk)
            _, sent = resident(server.pid)
    finally:
        server.kill()
        await server.wait()
    sys.stdout.write(f"{made['bytes']} bytes; {built - before} more to build, {sent - built} more to send\n")
    assert made["bytes"] > 190 * MEGABYTE
    assert digest.hexdigest() == made["sha256"]
    assert built - before < 50 * MEGABYTE
    assert sent - before < 50 * MEGABYTE
    with zipfile.ZipFile(got) as bundle:
        assert bundle.getinfo("stories/story-1.1/0.log").file_size > 49 * MEGABYTE
