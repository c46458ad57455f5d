"""The embedded server's files in `PACELINE_HOME`, and who may use them.

One Paceline at a time runs a server on a home. It holds an exclusive lock on `temporal.lock`, which the
kernel releases when it dies, however it dies. What it started is written to `temporal.json`, so that a
server that outlived it can be told from any other process and stopped.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ValidationError

from paceline.errors import Conflict
from workers.process_identity import ProcessIdentity, end, identify, is_running

LOG_LIMIT = 10_000_000
"""Bytes after which the log of earlier starts is set aside as `temporal.log.1`."""
ORPHAN_GRACE = 10.0


class ServerRecord(BaseModel):
    """Who runs which server."""

    owner: ProcessIdentity
    server: ProcessIdentity
    address: str


class TemporalHome:
    """The files, locked from construction to `release`.

    Raises:
        Conflict: another Paceline runs a server on this home.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home.expanduser().absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.database = self.folder / "temporal.db"
        self.log = self.folder / "temporal.log"
        self._record = self.folder / "temporal.json"
        self._lock = self._locked()

    def release(self) -> None:
        """Lets another Paceline use the home."""
        self._lock.close()

    def end_orphan(self, say: Callable[[str], None]) -> None:
        """Stops the server that a dead Paceline left running on this database, if there is one."""
        record = self._read()
        if record is not None and is_running(record.server):
            say(f"Temporal: stopping process {record.server.pid}, left behind by a Paceline that died.")
            end(record.server, ORPHAN_GRACE)
        self.forget()

    def remember(self, server: int, address: str) -> None:
        """Writes down the server that was just started."""
        owner, started = identify(os.getpid()), identify(server)
        if owner is None or started is None:
            return
        draft = self._record.with_suffix(".new")
        draft.write_text(ServerRecord(owner=owner, server=started, address=address).model_dump_json())
        draft.replace(self._record)

    def forget(self) -> None:
        """The server is gone."""
        self._record.unlink(missing_ok=True)

    def open_log(self) -> IO[bytes]:
        """The log, open for appending."""
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        return self.log.open("ab")

    def _locked(self) -> IO[bytes]:
        lock = (self.folder / "temporal.lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise self._conflict() from error
        return lock

    def _conflict(self) -> Conflict:
        record = self._read()
        who = (
            f"process {record.owner.pid}, its Temporal at {record.address}" if record else "which is starting"
        )
        return Conflict(
            f"another Paceline runs on {self.folder} ({who}); stop it, or set PACELINE_HOME to another "
            "folder.",
            home=str(self.folder),
        )

    def _read(self) -> ServerRecord | None:
        try:
            return ServerRecord.model_validate_json(self._record.read_text())
        except (OSError, ValidationError):
            return None
