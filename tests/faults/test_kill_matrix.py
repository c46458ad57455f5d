"""Everybody is killed at every named step of a story, before and after its effect; nothing is lost.

Each cell is one run of two stories with one kill. Cells run several at a time in a thread of their own, as
most of a cell is waiting for a heartbeat that does not come. The table is printed at the end of the tests.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from paceline.settings import Settings
from paceline.store.migrate import upgrade
from tests.databases import PostgresCluster, start_cluster
from tests.faults.matrix import OUTCOMES, VICTIMS, Cell, all_cells
from tests.faults.matrix_trial import Services, Trial, make_namespaces
from workers.temporal_binary import Binary
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal

NAMESPACES = [f"cells-{number}" for number in range(int(os.environ.get("PACELINE_TEST_CELLS", "5")))]
"""One for each cell that runs at the same time."""
PATIENCE = 3600.0

ALWAYS = {
    "agent started, after": ("agent", "supervisor", "worker"),
    "agent wrote files, after": ("agent", "Temporal", "PostgreSQL"),
    "agent ended, after": ("worker",),
    "work committed, after": ("git", "worker"),
    "candidate built, before": ("git",),
    "evidence kept, after": ("worker",),
    "ref moved, after": ("worker", "PostgreSQL", "git"),
    "merge recorded, inside": ("SQLite", "PostgreSQL"),
    "claim released, inside": ("SQLite",),
    "epic told, before": ("worker", "Temporal"),
    "work preserved, after": ("git",),
    "worktree removed, before": ("worker",),
    "bundle made, before": ("worker",),
    "answer recorded, after": ("worker",),
}
"""The cells of the default selection: each victim, and each place where an effect and its record part."""


class Matrix:
    """Runs cells in a thread of its own."""

    def __init__(self, cells: Sequence[Cell], services: Services, temporal: Binary) -> None:
        self._cells, self._services, self._temporal = cells, services, temporal
        # Each kill of a server hits all cells that use it; with many at once none would get far.
        shared = ("Temporal", "PostgreSQL")
        self._together = {
            victim: asyncio.Semaphore(2 if victim in shared else len(cells) + 1) for victim in VICTIMS
        }
        self._results: dict[Cell, Future[list[str]]] = {cell: Future() for cell in cells}
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="matrix", daemon=True)
        self._thread.start()

    def problems(self, cell: Cell) -> list[str]:
        """What was wrong after the kill; waits for its end."""
        return self._results[cell].result(PATIENCE)

    def join(self) -> None:
        """Wait for the end of all."""
        self._thread.join()

    async def _run(self) -> None:
        if any(cell.victim == "Temporal" for cell in self._cells):
            settings = Settings(
                home=self._services.folder / "mortal",
                temporal_address=None,
                temporal_port=0,
                temporal_ui_port=0,
            )
            self._services.mortal = await EmbeddedServer.start(settings, lambda _: None, self._temporal)
            await make_namespaces(self._services.mortal.address, NAMESPACES)
        await make_namespaces(self._services.address, NAMESPACES)
        free: asyncio.Queue[str] = asyncio.Queue()
        for name in NAMESPACES:
            free.put_nowait(name)
        await asyncio.gather(*(self._try(cell, free) for cell in self._cells))
        if self._services.mortal is not None:
            await self._services.mortal.stop()

    async def _try(self, cell: Cell, free: asyncio.Queue[str]) -> None:
        async with self._together[cell.victim]:
            namespace = await free.get()
            try:
                problems = await Trial(cell, self._services, namespace).run()
            except Exception:
                problems = [traceback.format_exc()]
            free.put_nowait(namespace)
        OUTCOMES[cell.row, cell.victim] = problems
        self._results[cell].set_result(problems)


@pytest.fixture(scope="session")
def mortal_postgres() -> Iterator[PostgresCluster | None]:
    """A cluster that is killed, and so commits as in production; None without PostgreSQL."""
    cluster = start_cluster(durable=True)
    if cluster is not None:
        # The machine is not killed: what the server gave it is there. A recovery would sync all databases.
        cluster.execute("ALTER SYSTEM SET fsync = off")
        cluster.execute("SELECT pg_reload_conf()")
    try:
        yield cluster
    finally:
        if cluster is not None:
            cluster.stop()
            shutil.rmtree(cluster.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def matrix(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    temporal_server: EmbeddedServer,
    temporal_binary: Binary,
    mortal_postgres: PostgresCluster | None,
) -> Iterator[Matrix]:
    """The cells that were selected, under way."""
    folder: Path = tmp_path_factory.mktemp("matrix")
    upgrade(f"sqlite:///{folder / 'template.db'}")
    services = Services(folder, temporal_server.address, folder / "template.db", postgres=mortal_postgres)
    if mortal_postgres is not None:
        services.template_name = "migrated"
        mortal_postgres.execute("CREATE DATABASE migrated TEMPLATE template0")
        upgrade(mortal_postgres.url("migrated"))
    chosen: list[Any] = [
        item.callspec.params["cell"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and "matrix" in item.fixturenames
    ]
    wanted = [cell for cell in chosen if cell.victim != "PostgreSQL" or mortal_postgres is not None]
    running = Matrix(wanted, services, temporal_binary)
    yield running
    running.join()


def _parameter(cell: Cell) -> object:
    marks = [] if cell.victim in ALWAYS.get(cell.row, ()) else [pytest.mark.long]
    if cell.victim == "PostgreSQL":
        marks.append(pytest.mark.postgres)
    return pytest.param(cell, marks=marks, id=str(cell))


@pytest.mark.parametrize("cell", [_parameter(cell) for cell in all_cells() if cell.not_applicable is None])
def test_a_kill_loses_nothing_and_doubles_nothing(
    matrix: Matrix, mortal_postgres: PostgresCluster | None, cell: Cell
) -> None:
    if cell.victim == "PostgreSQL" and mortal_postgres is None:
        pytest.skip("PostgreSQL is not installed")
    assert matrix.problems(cell) == []


def test_the_default_selection_names_cells_that_are_there() -> None:
    cells = {(cell.row, cell.victim) for cell in all_cells() if cell.not_applicable is None}
    assert {(row, victim) for row, victims in ALWAYS.items() for victim in victims} <= cells
