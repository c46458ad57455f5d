"""The embedded server with a real binary: it starts, keeps what it knows, refuses a second one and ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from paceline import search_attributes
from paceline.errors import ConfigurationError, Conflict, PortBusy, ServerUnavailable
from paceline.settings import Settings
from workers.process_identity import identify, is_running
from workers.search_attributes import ensure_search_attributes
from workers.temporal_binary import Binary
from workers.temporal_client import connect
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal

START_AND_SAY = """
import asyncio, sys
from pathlib import Path
from paceline.settings import Settings
from workers.temporal_binary import Binary
from workers.temporal_server import EmbeddedServer

async def main():
    settings = Settings(home=Path(sys.argv[1]), temporal_port=0, temporal_ui_port=0)
    server = await EmbeddedServer.start(settings, print, Binary(Path(sys.argv[2]), "test"))
    print("pid", server.pid, server.address, flush=True)
    await server.wait()

asyncio.run(main())
"""


def silent(sentence: str) -> None:
    """Nobody listens."""


@pytest_asyncio.fixture
async def server(temporal_settings: Settings, temporal_binary: Binary) -> AsyncGenerator[EmbeddedServer]:
    """A server that the test may stop and kill."""
    running = await EmbeddedServer.start(temporal_settings, silent, temporal_binary)
    yield running
    await running.stop()


async def start_execution(client: Client) -> str:
    """A started execution that no worker takes, with every search attribute of ours; returns its id."""
    key = f"kept/{uuid.uuid4()}"
    attributes = TypedSearchAttributes(
        [
            SearchAttributePair(search_attributes.PROJECT, "kept"),
            SearchAttributePair(search_attributes.SPRINT, "sprint-1"),
            SearchAttributePair(search_attributes.EPIC, "epic-1"),
            SearchAttributePair(search_attributes.STORY, "1.1"),
            SearchAttributePair(search_attributes.AGENT, "builder"),
            SearchAttributePair(search_attributes.STATE, "working"),
            SearchAttributePair(search_attributes.ATTEMPT, 3),
        ]
    )
    await client.start_workflow("nobody-runs-this", id=key, task_queue="nobody", search_attributes=attributes)
    return key


async def assert_kept(address: str, key: str) -> None:
    """The execution is still there and running, with its search attributes."""
    client = await connect(address, "default")
    described = await client.get_workflow_handle(key).describe()
    assert described.status == WorkflowExecutionStatus.RUNNING
    assert described.typed_search_attributes[search_attributes.STORY] == "1.1"
    assert described.typed_search_attributes[search_attributes.ATTEMPT] == 3


def listening_addresses(pid: int) -> list[str]:
    """The addresses of a process's listening sockets, as hexadecimal as /proc says them."""
    sockets = {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()}
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return [row[1].split(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]


async def test_answers_with_its_search_attributes_and_its_ui(server: EmbeddedServer) -> None:
    client = await connect(server.address, "default")
    key = await start_execution(client)
    await assert_kept(server.address, key)
    assert await ensure_search_attributes(client) == []
    host, port = server.ui_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert b"200" in await reader.readline()
    writer.close()


async def test_listens_on_loopback_only(server: EmbeddedServer) -> None:
    if sys.platform != "linux":
        pytest.skip("reads /proc, which only Linux has")
    assert server.pid is not None
    listening = listening_addresses(server.pid)
    assert listening
    assert set(listening) <= {"0100007F", "0" * 24 + "01000000"}


async def test_keeps_executions_over_a_stop(
    server: EmbeddedServer, temporal_settings: Settings, temporal_binary: Binary
) -> None:
    key = await start_execution(await connect(server.address, "default"))
    await server.stop()
    assert server.pid is None
    again = await EmbeddedServer.start(temporal_settings, silent, temporal_binary)
    try:
        await assert_kept(again.address, key)
    finally:
        await again.stop()


async def test_keeps_executions_over_a_kill_and_returns_to_its_address(server: EmbeddedServer) -> None:
    address = server.address
    key = await start_execution(await connect(address, "default"))
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert await server.wait() == -signal.SIGKILL
    await server.restart()
    assert server.address == address
    await assert_kept(address, key)


async def test_second_paceline_on_one_home_is_refused(
    server: EmbeddedServer, temporal_settings: Settings, temporal_binary: Binary
) -> None:
    with pytest.raises(Conflict) as refused:
        await EmbeddedServer.start(temporal_settings, silent, temporal_binary)
    assert str(os.getpid()) in refused.value.message
    assert server.address in refused.value.message
    assert "PACELINE_HOME" in refused.value.message
    await connect(server.address, "default")


@pytest.mark.parametrize("setting", ["temporal_port", "temporal_ui_port"])
async def test_busy_port_is_named_with_its_setting(
    setting: str, temporal_settings: Settings, temporal_binary: Binary
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        port = occupied.getsockname()[1]
        settings = temporal_settings.model_copy(update={setting: port})
        with pytest.raises(PortBusy, match=f"port {port}.*PACELINE_{setting.upper()}"):
            await EmbeddedServer.start(settings, silent, temporal_binary)
    recovered = await EmbeddedServer.start(settings, silent, temporal_binary)
    await recovered.stop()


async def test_server_that_ends_at_its_start_is_reported_with_its_words(
    temporal_settings: Settings, tmp_path: Path
) -> None:
    impostor = tmp_path / "temporal"
    impostor.write_text("#!/bin/sh\necho no disk left >&2\nexit 3\n")
    impostor.chmod(0o755)
    with pytest.raises(ServerUnavailable, match=r"status 3 \(no disk left\)"):
        await EmbeddedServer.start(temporal_settings, silent, Binary(impostor, "test"))


async def test_server_does_not_outlive_a_killed_parent(
    temporal_settings: Settings, temporal_binary: Binary
) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux can tie a process to its parent")
    command = [sys.executable, "-c", START_AND_SAY, str(temporal_settings.home), str(temporal_binary.path)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220 - killed below
    assert parent.stdout is not None
    _, pid, address = parent.stdout.readline().split()
    orphan = identify(int(pid))
    assert orphan is not None
    key = await start_execution(await connect(address, "default"))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    again = await EmbeddedServer.start(temporal_settings, silent, temporal_binary)
    try:
        assert not is_running(orphan)
        await assert_kept(again.address, key)
    finally:
        await again.stop()


async def test_runs_with_the_measured_settings(server: EmbeddedServer, temporal_settings: Settings) -> None:
    (database,) = temporal_settings.home.rglob("*.db")
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    listed = await asyncio.create_subprocess_exec(
        *("ps", "-ww", "-o", "args=", "-p", str(server.pid)), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await listed.communicate()
    for setting in (
        "synchronous=1",
        "history.transferProcessorMaxPollRPS=2000",
        "history.timerProcessorMaxPollRPS=2000",
        "matching.numTaskqueueReadPartitions=1",
        "matching.numTaskqueueWritePartitions=1",
    ):
        assert setting in said.decode(), setting


async def test_missing_search_attributes_are_registered_once(
    server: EmbeddedServer, temporal_binary: Binary
) -> None:
    client = await connect(server.address, "default")
    remove = [str(temporal_binary.path), "operator", "search-attribute", "remove", "--yes"]
    remove += ["--address", server.address, "--name", "PacelineAgent"]
    removal = await asyncio.create_subprocess_exec(*remove)
    assert await removal.wait() == 0
    assert await ensure_search_attributes(client) == ["PacelineAgent"]
    assert await ensure_search_attributes(client) == []


async def test_process_that_ends_right_after_connecting_ends_well(temporal_server: EmbeddedServer) -> None:
    program = (
        "import asyncio, sys; from workers.temporal_client import connect; "
        "client = asyncio.run(connect(sys.argv[1], 'default'))"
    )
    for _ in range(10):  # without the pause about every second one is aborted
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, temporal_server.address)
        assert await process.wait() == 0


async def test_unknown_namespace_is_a_configuration_error(temporal_server: EmbeddedServer) -> None:
    with pytest.raises(ConfigurationError, match="no namespace elsewhere"):
        await connect(temporal_server.address, "elsewhere")


async def test_silent_address_is_one_sentence() -> None:
    with pytest.raises(ServerUnavailable, match=r"127\.0\.0\.1:1 .*PACELINE_TEMPORAL_ADDRESS"):
        await connect("127.0.0.1:1", "default", patience=0.1)
