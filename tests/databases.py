"""Real databases for tests: fresh SQLite files, and fresh databases in a temporary PostgreSQL cluster.

Import the fixtures you need into a `conftest.py`: `from tests.databases import *`.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from paceline.store.database import Database
from paceline.store.migrate import upgrade

__all__ = [
    "any_database_url",
    "database",
    "database_template",
    "empty_database_url",
    "postgres_cluster",
    "postgres_url",
    "sqlite_url",
]

READY_SECONDS = 60
_PR_SET_PDEATHSIG = 1
_numbers = itertools.count(1)

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


class PostgresCluster:
    """A PostgreSQL of one test session, on a unix socket only; it ends with the process that made it."""

    def __init__(self, binaries: Path, folder: Path, durable: bool = False) -> None:
        self.folder = folder
        self._account = _account()
        if self._account:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        self._run(
            binaries / "initdb", "-D", "data", "-U", "paceline", "-A", "trust", "--no-sync", "-E", "UTF8"
        )
        self._command: list[str | Path] = [binaries / "postgres", "-D", "data", "-k", str(folder)]
        self._command += ["-c", "listen_addresses=", "-c", "max_connections=200"]
        if not durable:
            self._command += ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
                **self._as_account(),
            )
        self._wait_until_ready()

    def crash(self) -> None:
        """End the server in immediate mode: it writes nothing down, and recovers at its next start."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)

    def url(self, name: str) -> str:
        """The URL of one database of the cluster."""
        return f"postgresql://paceline@/{name}?host={quote(str(self.folder), safe='')}"

    def create(self, template: str = "template0") -> str:
        """Create a database and return its URL."""
        name = f"test_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop a database that `create` made."""
        name = url.rpartition("/")[2].partition("?")[0]
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        """Run a statement outside of a transaction, as superuser."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def stop(self) -> None:
        """Shut down fast, and wait for the end."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)

    def _run(self, *command: str | Path) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self._as_account())
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} failed: {done.stderr}")

    def _as_account(self) -> dict[str, Any]:
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}
        common: dict[str, Any] = {"cwd": self.folder, "env": environment}
        if self._account is None:
            return common
        return {**common, "user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                return self.execute("SELECT 1")
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.05)


def find_postgres() -> Path | None:
    """The folder with PostgreSQL's programs, or None."""
    found = shutil.which("postgres")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next(
        (each for each in folders if (each / "initdb").exists() and (each / "postgres").exists()), None
    )


def start_cluster(durable: bool = False) -> PostgresCluster | None:
    """Start a temporary cluster, or None where PostgreSQL is missing.

    Args:
        durable: write to disk as in production; otherwise as fast as possible.
    """
    binaries = find_postgres()
    if binaries is None:
        return None
    # Not pytest's folder: a socket's path has 107 bytes, and another account has to reach it.
    return PostgresCluster(binaries, Path(tempfile.mkdtemp(prefix="paceline-pg-")), durable)


def _account() -> pwd.struct_passwd | None:
    """Who runs PostgreSQL, which refuses root; None: we may do it ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL refuses root, and there is neither an account postgres nor nobody.")


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """A cluster for the session; skips where PostgreSQL is missing, and fails there in CI."""
    cluster = start_cluster()
    if cluster is None:
        reason = "PostgreSQL is not installed: no `postgres` and `initdb` on PATH or in /usr/lib/postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    try:
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(cluster.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def database_template() -> dict[str, str]:
    """Migrated when first needed, copied for each test: a file of SQLite, a name in PostgreSQL."""
    return {}


@pytest.fixture
def sqlite_url(
    tmp_path: Path, database_template: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """A fresh, migrated SQLite file."""
    if "sqlite" not in database_template:
        file = tmp_path_factory.mktemp("template") / "template.db"
        upgrade(f"sqlite:///{file}")
        database_template["sqlite"] = str(file)
    return f"sqlite:///{shutil.copy(database_template['sqlite'], tmp_path / 'paceline.db')}"


@pytest.fixture
def postgres_url(postgres_cluster: PostgresCluster, database_template: dict[str, str]) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database."""
    if "postgres" not in database_template:
        postgres_cluster.execute("CREATE DATABASE migrated TEMPLATE template0")
        upgrade(postgres_cluster.url("migrated"))
        database_template["postgres"] = "migrated"
    url = postgres_cluster.create(database_template["postgres"])
    yield url
    postgres_cluster.drop(url)


@pytest.fixture(params=BOTH)
def any_database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database of each kind."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(params=BOTH)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind without a schema."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    url = cluster.create()
    yield url
    cluster.drop(url)


@pytest.fixture
def database(any_database_url: str) -> Iterator[Database]:
    """An open database of each kind."""
    opened = Database(any_database_url)
    yield opened
    opened.close()
