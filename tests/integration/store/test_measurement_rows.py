"""Measurements are only ever added, once by id, under rising numbers, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from paceline.domain.aims import Aim, AimKind, Verdict
from paceline.domain.measurements import MeasurementDraft, Source, aim_states
from paceline.errors import NotFound
from paceline.store.database import Database
from paceline.store.events import events_named
from paceline.store.measurements import add_measurements, measurements_of, record_measurements
from paceline.store.runs import create_run
from tests.integration.store.samples import a_run

COVERAGE = Aim(name="Coverage", kind=AimKind.METRIC, target=">90%", op=">", value=90, unit="percent")


def _draft(id: str, value: str | None = "91", **fields: object) -> MeasurementDraft:
    known = {"id": id, "aim": "Coverage", "target": ">90%", "source": Source.COMMAND, "value": value}
    return MeasurementDraft.model_validate({**known, **fields})


def test_the_first_of_an_id_stays_and_the_newest_counts(database: Database) -> None:
    database.write_now(create_run, a_run("p"))
    first = database.write_now(add_measurements, "p", [_draft("a", "95"), _draft("b", "80", unit="%")])
    assert [(each.number, each.value) for each in first] == [(1, "95"), (2, "80")]
    said = _draft("c", None, verdict=Verdict.MET, source=Source.PERSON, actor="ada", note="seen")
    again = database.write_now(add_measurements, "p", [_draft("a", "1"), said, said])
    assert [(each.number, each.id) for each in again] == [(3, "c")]
    stored = database.read_now(measurements_of, "p")
    assert stored == [*first, *again]
    (state,) = aim_states([COVERAGE], stored)
    assert (state.verdict, state.actor, state.reason) == (Verdict.MET, "ada", "seen")
    assert database.read_now(measurements_of, "q") == []
    with pytest.raises(NotFound):
        database.write_now(add_measurements, "q", [_draft("a")])


def test_each_new_measurement_is_told_once(database: Database) -> None:
    database.write_now(create_run, a_run("p"))
    for _ in range(2):
        database.write_now(record_measurements, "p", [COVERAGE], [_draft("a", "90", unit="%")])
    (event,) = database.read_now(events_named, "p", ["metric.measured"])
    told = {name: event.data[name] for name in ("metric", "kind", "target", "actual", "verdict", "reason")}
    assert told == {
        "metric": "Coverage",
        "kind": "metric",
        "target": ">90%",
        "actual": "90 %",
        "verdict": "missed",
        "reason": "90 percent is not > 90 percent",
    }


def test_many_at_once_take_numbers_of_their_own(database: Database) -> None:
    database.write_now(create_run, a_run("p"))

    def add(number: int) -> None:
        database.write_now(add_measurements, "p", [_draft(f"m{number % 10}")])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(20)))
    stored = database.read_now(measurements_of, "p")
    assert [each.number for each in stored] == list(range(1, 11))
    assert {each.id for each in stored} == {f"m{n}" for n in range(10)}
