"""What is kept of each run: sizes, pages, missing bundles, and who may lose theirs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from activities.retention import last_removal, remove_artifacts, remove_by_rules
from paceline.domain.rollback import RollbackKind, RollbackState
from paceline.domain.states import RunState
from paceline.errors import Conflict, NotFound
from paceline.settings import Settings
from paceline.store.artifacts import (
    artifact_of,
    ended_without,
    has_artifacts,
    index_artifact,
    kept_artifacts,
    page_of_artifacts,
)
from paceline.store.database import Database
from paceline.store.rollbacks import ask_rollback, end_rollback
from paceline.store.runs import create_run, end_run, get_run
from tests.integration.store.samples import MOMENT, a_run, an_artifact


@pytest.fixture
def runs(database: Database) -> Database:
    """One run that ended and one that goes on, with two artifacts each."""
    for project in ("over", "going"):
        database.write_now(create_run, a_run(project))
        for number in (1, 2):
            file = an_artifact(
                f"{project}-{number}", project=project, path=f"{project}/{number}.log", bytes=50
            )
            database.write_now(index_artifact, file)
    database.write_now(end_run, "over", RunState.COMPLETED)
    return database


def test_sizes_are_by_run_and_say_who_goes_on(runs: Database) -> None:
    kept = runs.read_now(kept_artifacts)
    assert [(each.project, each.bytes, each.ended_at is None) for each in kept] == [
        ("going", 100, True),
        ("over", 100, False),
    ]


def test_pages_go_on_after_the_last_and_stay_in_the_project(runs: Database) -> None:
    first = runs.read_now(page_of_artifacts, "over", limit=1)
    rest = runs.read_now(page_of_artifacts, "over", limit=9, after=first[0].id)
    assert [each.id for each in (*first, *rest)] == ["over-1", "over-2"]
    with pytest.raises(NotFound):
        runs.read_now(artifact_of, "over", "going-1")


def test_a_run_that_ended_without_a_bundle_is_found_in_its_time(runs: Database) -> None:
    ended = runs.read_now(get_run, "over").ended_at
    assert ended is not None
    day = timedelta(days=1)
    assert runs.read_now(ended_without, "bundle", ended - day, ended) == ["over"]
    assert runs.read_now(ended_without, "bundle", ended - day, ended - timedelta(seconds=1)) == []
    runs.write_now(index_artifact, an_artifact("b", project="over", kind="bundle"))
    assert runs.read_now(ended_without, "bundle", ended - day, ended) == []


async def test_rules_take_from_ended_runs_only_and_leave_a_rolled_back_one_alone(
    runs: Database, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, artifact_bytes=1)
    asked, _ = runs.write_now(ask_rollback, "over", RollbackKind.STORY, "1.1", "ada", None, MOMENT)
    with pytest.raises(Conflict):
        await remove_artifacts(runs, settings, "over", "asked")
    assert await remove_by_rules(runs, settings) == []
    runs.write_now(end_rollback, "over", asked.number, RollbackState.REFUSED)
    assert await remove_by_rules(runs, settings) == ["over"]
    assert await remove_by_rules(runs, settings) == []
    assert (runs.read_now(has_artifacts, "over"), runs.read_now(has_artifacts, "going")) == (False, True)
    told = runs.read_now(last_removal, "over")
    assert told is not None
    assert (told.data["count"], told.data["bytes"], told.data["number"]) == (2, 100, 1)
    runs.write_now(index_artifact, an_artifact("again", project="over"))
    assert len(await remove_artifacts(runs, settings, "over", "asked", "ada")) == 1
    again = runs.read_now(last_removal, "over")
    assert again is not None
    assert (again.data["number"], again.data["reason"], again.actor) == (2, "asked", "ada")
