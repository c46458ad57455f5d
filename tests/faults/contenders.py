"""Many processes for one file: `python -m tests.faults.contenders URL FOLDER COUNT DYING`.

One process imports the product and divides into COUNT contenders, each with a database of its own. The one
that releases tells the next one through a pipe. DYING of them kill themselves while they hold the file; the
parent, which sees their end as the sweep sees that of a workflow, frees what they held.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from paceline.domain.claims import ClaimRequest, Grant, Need
from paceline.store.claims import check_fence, release_claim, release_holder, request_claim
from paceline.store.database import Database

ASK_AGAIN_SECONDS = 20.0
"""A waiter also asks again by itself, as a story does."""
FILE = "file:src/hot.py"

Pipes = dict[str, tuple[int, int]]


class Contender:
    """One process that wants the file once."""

    def __init__(self, url: str, folder: Path, name: str, pipes: Pipes) -> None:
        self._database = Database(url)
        self._folder, self._name, self._pipes = folder, name, pipes

    def run(self, dies: bool) -> None:
        """Ask, wait, hold the file alone, and give it back or die."""
        fence = self._wait_for_grant()
        marker = self._folder / "held"
        try:
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            # A dead holder cannot take its marker away; who it was stands in the log.
            self._note("met", fence)
        self._note("granted", fence)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        self._database.write_now(check_fence, self._name, fence)
        self._note("ended", fence)
        marker.unlink()
        tell(self._pipes, self._database.write_now(release_claim, self._name))
        self._database.close()

    def _wait_for_grant(self) -> int:
        request = ClaimRequest(
            claim=self._name,
            scope="repo",
            holder=self._name,
            project="p",
            story=self._name,
            needs=[Need(resource=FILE)],
        )
        while True:
            decision = self._database.write_now(request_claim, request)
            if decision.fence is not None:
                return decision.fence
            told, _, _ = select.select([self._pipes[self._name][0]], [], [], ASK_AGAIN_SECONDS)
            if told:
                return int(os.read(told[0], 32))

    def _note(self, what: str, fence: int) -> None:
        """One write to a file that is open for appending is one line, whoever else writes."""
        log = os.open(self._folder / "log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        os.write(log, f"{what} {self._name} {fence}\n".encode())
        os.close(log)


def tell(pipes: Pipes, grants: Sequence[Grant]) -> None:
    """Wake the holders that were granted."""
    for grant in grants:
        os.write(pipes[grant.holder][1], str(grant.fence).encode())


def contend(url: str, folder: Path, count: int, dying: int) -> int:
    """Divide, wait for all, and free what the dead held; how many ended otherwise than they should."""
    names = [f"contender-{number:02}" for number in range(count)]
    pipes = {name: os.pipe() for name in names}
    alive: dict[int, str] = {}
    for number, name in enumerate(names):
        process = os.fork()
        if process == 0:
            _be(url, folder, name, pipes, dies=number < dying)
        alive[process] = name
    database: Database | None = None
    wrong = 0
    while alive:
        process, status = os.wait()
        name = alive.pop(process)
        killed = os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        wrong += status != 0 and not killed
        if killed:
            database = database or Database(url)
            (folder / "held").unlink()
            tell(pipes, database.write_now(release_holder, name))
    if database is not None:
        database.close()
    return wrong


def _be(url: str, folder: Path, name: str, pipes: Pipes, dies: bool) -> None:
    """A contender's whole life."""
    code = 1
    try:
        Contender(url, folder, name, pipes).run(dies)
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    address, home, how_many, how_many_die = sys.argv[1:]
    sys.exit(contend(address, Path(home), int(how_many), int(how_many_die)))
