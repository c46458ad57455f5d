"""Reports of sprints and entries of retrospectives, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from paceline.domain.reports import ReportDraft, ReportKind
from paceline.domain.retro_entries import EntryDraft, EntryKind
from paceline.errors import NotFound
from paceline.store.database import Database
from paceline.store.reports import (
    add_entry,
    entries_of,
    get_report,
    reports_of,
    reports_of_earlier_runs,
    save_reports,
)
from paceline.store.runs import create_run
from tests.integration.store.samples import a_run


def _report(number: int, kind: ReportKind = ReportKind.STANDUP, sprint: str = "One") -> ReportDraft:
    return ReportDraft(sprint=sprint, kind=kind, number=number, data={"number": number})


def test_the_first_report_of_a_kind_and_number_stays(database: Database) -> None:
    database.write_now(create_run, a_run("p"))
    first = database.write_now(save_reports, "p", [_report(1), _report(2)])
    assert [each.number for each in first] == [1, 2]
    other = _report(2).model_copy(update={"data": {"number": 99}})
    assert [each.number for each in database.write_now(save_reports, "p", [other, _report(3)])] == [3]
    assert database.read_now(get_report, "p", "One", ReportKind.STANDUP, 2).data == {"number": 2}
    with pytest.raises(NotFound):
        database.read_now(get_report, "p", "One", ReportKind.DAILY, 2)


def test_reports_come_newest_first_by_sprint_and_kind(database: Database) -> None:
    database.write_now(create_run, a_run("p"))
    for draft in (_report(1), _report(1, ReportKind.DAILY), _report(2), _report(1, sprint="Two")):
        database.write_now(save_reports, "p", [draft])
    assert [(each.sprint, each.kind.value, each.number) for each in database.read_now(reports_of, "p")] == [
        ("Two", "standup", 1),
        ("One", "standup", 2),
        ("One", "daily", 1),
        ("One", "standup", 1),
    ]
    found = database.read_now(reports_of, "p", "One", ReportKind.STANDUP, 1)
    assert [each.number for each in found] == [2]


def test_earlier_runs_are_those_of_the_same_project(database: Database) -> None:
    for run in (a_run("p"), a_run("p-run-2", run_number=2), a_run("p-run-3", run_number=3), a_run("q")):
        database.write_now(create_run, run)
        database.write_now(save_reports, run.id, [_report(1), _report(1, ReportKind.DAILY)])
    found = database.read_now(reports_of_earlier_runs, "p-run-3", [ReportKind.STANDUP])
    assert [each.project for each in found] == ["p", "p-run-2"]
    assert database.read_now(reports_of_earlier_runs, "p", [ReportKind.STANDUP]) == []


def test_entries_are_numbered_once_a_key_also_by_many_at_once(database: Database) -> None:
    database.write_now(create_run, a_run("p"))

    def add(number: int) -> tuple[int, bool]:
        draft = EntryDraft(key=f"k{number % 8}", kind=EntryKind.NOTE, text=f"Text {number % 8}", actor="kim")
        entry, new = database.write_now(add_entry, "p", "One", draft)
        return entry.number, new

    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(add, range(24)))
    assert sorted(number for number, new in added if new) == list(range(1, 9))
    assert [each.number for each in database.read_now(entries_of, "p", "One")] == list(range(1, 9))
    assert database.read_now(entries_of, "p", "Two") == []
    with pytest.raises(NotFound):
        database.write_now(add_entry, "nobody", "One", EntryDraft(key="k", text="x"))
