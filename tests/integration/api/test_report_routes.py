"""What the API shows of reports, and what it takes for retrospectives."""

from __future__ import annotations

from datetime import UTC, datetime

from activities.sprint_records import read_sprint
from paceline.domain.due_reports import due_reports
from paceline.store import reports
from paceline.store.database import Database
from tests.integration.api.allotment import Calls, Record

RUN = "/api/v1/projects/allotment"
START = datetime(2026, 11, 21, 9, tzinfo=UTC)
MARKDOWN = {"Accept": "text/markdown"}


async def reported(database: Database, record: Record) -> str:
    """A run whose only sprint has ended on its third day; returns the sprint."""
    await record()
    sprint = (await database.read(read_sprint, "allotment", "", START)).plan.sprints[0].id
    found = await database.read(read_sprint, "allotment", sprint, START)
    drafts = due_reports(found, START.replace(day=23, hour=12), over=True)
    await database.write(reports.save_reports, "allotment", drafts)
    return sprint


async def test_reports_are_listed_and_shown_as_json_and_as_markdown(
    api: Calls, database: Database, record: Record
) -> None:
    sprint = await reported(database, record)
    listed = (await api.get(f"{RUN}/reports")).json()
    assert {(each["kind"], each["number"]) for each in listed} == {
        ("planning", 1),
        ("standup", 2),
        ("standup", 3),
        ("daily", 2),
        ("daily", 3),
        ("velocity", 1),
        ("review", 1),
        ("retrospective", 1),
    }
    standups = (await api.get(f"{RUN}/reports", params={"kind": "standup", "limit": 1})).json()
    assert [each["number"] for each in standups] == [3]
    assert (await api.get(f"{RUN}/reports", params={"sprint": "No"})).json() == []
    one = f"{RUN}/reports/daily/{sprint}/2"
    assert (await api.get(one)).json()["data"]["period"]["first_day"] == 1
    shown = await api.get(one, headers=MARKDOWN)
    assert shown.headers["content-type"].startswith("text/markdown")
    assert shown.text.startswith(f"# Daily report: {sprint}, day 1 to 2")
    for each in listed:
        text = (
            await api.get(f"{RUN}/reports/{each['kind']}/{sprint}/{each['number']}", headers=MARKDOWN)
        ).text
        assert text.startswith("# ")
        assert "None" not in text


async def test_what_is_not_there_is_not_found(api: Calls, database: Database, record: Record) -> None:
    sprint = await reported(database, record)
    assert (await api.get(f"{RUN}/reports/daily/{sprint}/9")).status_code == 404
    assert (await api.get(f"{RUN}/reports/gossip/{sprint}/1")).status_code == 422
    assert (await api.get("/api/v1/projects/nobody/reports")).status_code == 404
    assert (await api.get("/api/v1/projects/nobody/standup")).status_code == 404
    added = await api.post(f"{RUN}/retrospective", json={"text": "Dig", "sprint": "Sprint 99"})
    assert (added.status_code, added.json()["code"]) == (404, "NOT_FOUND")


async def test_the_standup_of_this_moment_is_not_stored(api: Calls, record: Record) -> None:
    await record()
    found = (await api.get(f"{RUN}/standup")).json()
    assert found["kind"] == "standup"
    assert all(each["completed"] == [] for each in found["data"]["agents"])
    assert (await api.get(f"{RUN}/standup", headers=MARKDOWN)).text.startswith("# Standup: ")
    assert (await api.get(f"{RUN}/reports")).json() == []


async def test_an_entry_is_added_once_under_its_key_and_is_an_event(
    api: Calls, database: Database, record: Record
) -> None:
    sprint = await reported(database, record)
    body = {"text": "Dig deeper", "actor": "kim", "key": "k1", "topic": "Quality of the results"}
    first = await api.post(f"{RUN}/retrospective", json=body)
    again = await api.post(f"{RUN}/retrospective", json={**body, "text": "something else"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["sprint"] == sprint
    assert [each["text"] for each in (await api.get(f"{RUN}/retrospective")).json()] == ["Dig deeper"]
    told = [each for each in (await api.get(f"{RUN}/events")).json() if each["name"] == "retrospective.entry"]
    assert [(each["actor"], each["data"]["text"]) for each in told] == [("kim", "Dig deeper")]
    shown = await api.get(f"{RUN}/reports/retrospective/{sprint}/1", headers=MARKDOWN)
    assert "Dig deeper (improvement, kim)" in shown.text
