"""Plans, runs and artifacts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from paceline.domain.states import RunState
from paceline.errors import Conflict, NotFound
from paceline.store.artifacts import (
    ended_with_artifacts,
    forget_artifacts,
    get_artifact,
    index_artifact,
    list_artifacts,
)
from paceline.store.database import Database
from paceline.store.runs import (
    create_run,
    end_run,
    get_run,
    list_runs,
    load_plan,
    plan_text,
    runs_of,
    save_plan,
)
from tests.integration.store.samples import MOMENT, a_plan, a_run, an_artifact


def test_a_plan_is_kept_once_under_its_digest(database: Database) -> None:
    plan = a_plan("Ünïcode")
    digest = database.write_now(save_plan, plan, "# Ünïcode")
    assert database.write_now(save_plan, plan, "# Ünïcode") == digest == plan.digest()
    assert database.read_now(load_plan, digest) == plan
    assert database.read_now(plan_text, digest) == "# Ünïcode"
    for read in (load_plan, plan_text):
        with pytest.raises(NotFound):
            database.read_now(read, "f" * 64)


def test_a_run_comes_back_as_it_was_and_is_created_once(database: Database) -> None:
    run = a_run("p", repository="/srv/repo", base_commit="c0ffee")
    assert database.write_now(create_run, run) == run
    assert database.read_now(get_run, "p") == run
    with pytest.raises(Conflict):
        database.write_now(create_run, run)
    with pytest.raises(NotFound):
        database.read_now(get_run, "q")


def test_runs_of_a_project_are_found_together(database: Database) -> None:
    database.write_now(create_run, a_run("p-run-2", run_number=2, started_at=MOMENT + timedelta(hours=1)))
    database.write_now(create_run, a_run("p"))
    database.write_now(
        create_run, a_run("q-run-3", run_number=3, started_at=MOMENT - timedelta(hours=1)), "p"
    )
    database.write_now(create_run, a_run("other-run-1"))
    assert [run.id for run in database.read_now(runs_of, "p")] == ["p", "p-run-2", "q-run-3"]
    assert [run.id for run in database.read_now(runs_of, "other-run-1")] == ["other-run-1"]
    assert database.read_now(list_runs)[0].id == "p-run-2"
    assert len(database.read_now(list_runs, 2)) == 2


def test_a_run_ends_once(database: Database) -> None:
    database.write_now(create_run, a_run("p"))
    database.write_now(end_run, "p", RunState.COMPLETED)
    ended = database.read_now(get_run, "p")
    database.write_now(end_run, "p", RunState.FAILED)
    assert database.read_now(get_run, "p") == ended
    assert ended.state is RunState.COMPLETED
    assert ended.ended_at is not None
    assert [run.id for run in database.read_now(list_runs, 5, RunState.COMPLETED)] == ["p"]
    assert database.read_now(list_runs, 5, RunState.RUNNING) == []
    with pytest.raises(NotFound):
        database.write_now(end_run, "q", RunState.FAILED)


def test_artifacts_are_indexed_listed_and_forgotten(database: Database) -> None:
    log = database.write_now(index_artifact, an_artifact("a", story="1"))
    assert database.write_now(index_artifact, an_artifact("a", path="elsewhere")) == log
    later = MOMENT + timedelta(seconds=1)
    diff = database.write_now(index_artifact, an_artifact("b", story="1", kind="diff", created_at=later))
    other = database.write_now(index_artifact, an_artifact("c", project="q"))
    assert database.read_now(list_artifacts, "p") == [log, diff]
    assert database.read_now(list_artifacts, "p", "1", "diff") == [diff]
    assert database.read_now(get_artifact, "a") == log
    for _ in range(2):
        database.write_now(forget_artifacts, [log.id, diff.id, *(f"none-{n}" for n in range(1000))])
        assert database.read_now(list_artifacts, "p") == []
    assert database.read_now(list_artifacts, "q") == [other]
    with pytest.raises(NotFound):
        database.read_now(get_artifact, "a")


def test_runs_with_artifacts_are_old_once_they_ended(database: Database) -> None:
    for name in ("kept", "empty", "running"):
        database.write_now(create_run, a_run(name))
    for name in ("kept", "running"):
        database.write_now(index_artifact, an_artifact(name, project=name))
    for name in ("kept", "empty"):
        database.write_now(end_run, name, RunState.COMPLETED)
    ended = database.read_now(get_run, "kept").ended_at
    assert ended is not None
    assert database.read_now(ended_with_artifacts, ended) == ["kept"]
    assert database.read_now(ended_with_artifacts, ended - timedelta(seconds=1)) == []
