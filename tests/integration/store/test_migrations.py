"""Migrations up and down on both databases, and their agreement with the models."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from paceline.errors import ConfigurationError, ServerUnavailable
from paceline.store.database import Database, engine_url
from paceline.store.migrate import current, downgrade, head, is_current, upgrade
from paceline.store.models import Base


def _tables(url: str) -> set[str]:
    engine = create_engine(engine_url(url))
    try:
        return set(inspect(engine).get_table_names()) - {"alembic_version"}
    finally:
        engine.dispose()


def test_up_down_and_up_again(empty_database_url: str) -> None:
    assert current(empty_database_url) is None
    assert not is_current(empty_database_url)
    upgrade(empty_database_url)
    upgrade(empty_database_url)
    assert current(empty_database_url) == head()
    assert is_current(empty_database_url)
    assert _tables(empty_database_url) == set(Base.metadata.tables)
    downgrade(empty_database_url, "base")
    assert current(empty_database_url) is None
    assert _tables(empty_database_url) == set()
    upgrade(empty_database_url)
    assert is_current(empty_database_url)


def test_models_and_migrations_agree(any_database_url: str) -> None:
    engine = create_engine(engine_url(any_database_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_two_processes_may_upgrade_at_once(empty_database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade, [empty_database_url] * 4))
    assert is_current(empty_database_url)


def test_an_unreachable_server_is_said_in_a_sentence_without_the_password() -> None:
    with pytest.raises(ServerUnavailable) as refused:
        current("postgresql://ada:secret@127.0.0.1:1/paceline")
    assert "secret" not in refused.value.message


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path / 'new' / 'folder' / 'p.db'}")
    assert (tmp_path / "new" / "folder" / "p.db").exists()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "paceline.db", ""])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        Database(url)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_name_of_postgresql_means_psycopg(scheme: str) -> None:
    assert engine_url(f"{scheme}://u@h/d") == "postgresql+psycopg://u@h/d"
