"""Who may run a server on a home, and what becomes of one that outlived its Paceline."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from paceline.errors import Conflict
from workers import temporal_home
from workers.process_identity import ProcessIdentity, end, identify, is_running
from workers.temporal_home import ServerRecord, TemporalHome


def silent(sentence: str) -> None:
    """Nobody listens."""


@pytest.fixture
def process() -> Generator[subprocess.Popen[bytes]]:
    """A process that waits for its end."""
    with subprocess.Popen(["sleep", "600"]) as running:
        yield running
        running.kill()


def test_home_is_locked_until_released(tmp_path: Path) -> None:
    first = TemporalHome(tmp_path)
    with pytest.raises(Conflict, match="PACELINE_HOME"):
        TemporalHome(tmp_path)
    first.release()
    TemporalHome(tmp_path).release()


def test_server_left_behind_is_stopped(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    said: list[str] = []
    home = TemporalHome(tmp_path)
    home.remember(process.pid, "127.0.0.1:1")
    home.end_orphan(said.append)
    assert process.wait(timeout=5) != 0
    assert str(process.pid) in said[0]
    home.release()


def test_other_process_with_the_same_id_is_left_alone(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    earlier = ProcessIdentity(pid=process.pid, started="another time")
    record = ServerRecord(owner=earlier, server=earlier, address="127.0.0.1:1")
    (tmp_path / "temporal.json").write_text(record.model_dump_json())
    home = TemporalHome(tmp_path)
    home.end_orphan(silent)
    assert process.poll() is None
    home.release()


def test_torn_record_does_not_stop_a_start(tmp_path: Path) -> None:
    (tmp_path / "temporal.json").write_text('{"owner": {"pid"')
    home = TemporalHome(tmp_path)
    home.end_orphan(silent)
    home.release()


def test_long_log_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporal_home, "LOG_LIMIT", 10)
    home = TemporalHome(tmp_path)
    home.log.write_bytes(b"an earlier start")
    with home.open_log() as log:
        log.write(b"this start")
    assert home.log.read_bytes() == b"this start"
    assert (tmp_path / "temporal.log.1").read_bytes() == b"an earlier start"
    home.release()


def test_process_that_ignores_the_polite_signal_is_killed() -> None:
    command = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 600; done"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as stubborn:
        assert stubborn.stdout is not None
        assert stubborn.stdout.readline() == b"ready\n"
        identity = identify(stubborn.pid)
        assert identity is not None
        end(identity, grace=0.2)
        assert not is_running(identity)
        os.killpg(stubborn.pid, 9)


def test_ended_process_has_no_identity() -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
        assert identify(ended.pid) is None
