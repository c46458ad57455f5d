"""`GET /metrics`: what the application counts and what the database knows, cheap and with bounded labels."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, insert, text, update
from sqlalchemy.orm import Session
from temporalio.client import Client

from api.main import create_app
from paceline.domain.access import Role
from paceline.domain.claims import ClaimRequest, Need
from paceline.domain.states import AgentState, StoryState
from paceline.domain.status import Run
from paceline.settings import Settings
from paceline.store import claims, figures, migrate, questions, status
from paceline.store.database import Database
from paceline.store.models import AgentRow, EventCounterRow, QuestionRow, StoryRow
from paceline.store.statements import read_clock
from tests.databases import BOTH
from tests.integration.api.allotment import Calls, Record, a_question, calling, write_run
from tests.integration.api.holders import Door

HOSTILE = 'a "title"\nwith {everything}'


async def scraped(calls: Calls) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of a scrape, by name and labels."""
    reply = await calls.get("/metrics")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


def value(samples: dict[tuple[str, tuple[tuple[str, str], ...]], float], name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


async def test_a_scrape_tells_what_goes_on(api: Calls, record: Record, database: Database) -> None:
    recorded = await record()
    await recorded.happen("one", "two", "three")
    await database.write(_busy)
    found = await scraped(api)
    assert value(found, "paceline_runs", state="running") == 1
    assert value(found, "paceline_stories", project="allotment", state="working") == 1
    assert value(found, "paceline_stories", project="allotment", state="pending") == 1
    assert value(found, "paceline_story_oldest_seconds", project="allotment", state="working") >= 3600
    assert value(found, "paceline_agents", project="allotment", state="DEAD") == 1
    assert value(found, "paceline_agent_heartbeat_age_seconds", project="allotment", agent="Digger") >= 300
    assert value(found, "paceline_questions_open", project="allotment") == 1
    assert value(found, "paceline_question_oldest_seconds", project="allotment") > 0
    assert value(found, "paceline_claims", state="held") == 1
    assert value(found, "paceline_claims", state="waiting") == 1
    assert value(found, "paceline_claim_oldest_wait_seconds") >= 0
    assert value(found, "paceline_events_appended_total") == 3
    assert value(found, "paceline_event_last_number", project="allotment") == 3
    assert value(found, "paceline_project_quiet_seconds", project="allotment") >= 0
    assert value(found, "paceline_merge_line_waiting") == 0
    assert value(found, "paceline_notifications", state="dead") == 0
    assert value(found, "paceline_database_bytes") > 10_000
    for folder in ("home", "artifacts", "worktrees"):
        size = value(found, "paceline_disk_size_bytes", folder=folder)
        assert 0 <= value(found, "paceline_disk_free_bytes", folder=folder) <= size
    assert value(found, "paceline_database_up") == 1
    assert value(found, "paceline_temporal_up") == 0
    assert not any(name == "paceline_workers_polling" for name, _ in found)


def _busy(session: Session) -> None:
    """One story at work whose agent is silent, one that waits for its files, and a question."""
    now = read_clock(session)
    status.set_story(session, "allotment", "Story 1.1", state=StoryState.WORKING, attempt=1)
    status.set_agent(session, "allotment", "Digger", AgentState.WORKING, story="Story 1.1")
    session.execute(update(StoryRow).values(updated_at=now - timedelta(hours=1)))
    session.execute(
        update(AgentRow).where(AgentRow.agent == "Digger").values(last_heartbeat=now - timedelta(minutes=5))
    )
    questions.open_question(session, a_question("q1"))
    for number in (1, 2):
        claims.request_claim(
            session,
            ClaimRequest(
                claim=f"c{number}",
                scope="project:allotment",
                holder=f"h{number}",
                project="allotment",
                story="Story 1.1",
                needs=[Need(resource="file:beds.txt")],
            ),
        )


async def test_what_waits_for_a_paused_webhook_is_not_late(api: Calls) -> None:
    webhook = {"name": "chat", "url": "https://hooks.example.org/a", "projects": ["*"]}
    assert (await api.post("/api/v1/webhooks", json=webhook)).status_code == 201
    assert (await api.post("/api/v1/webhooks/chat/test")).status_code == 202
    oldest = "paceline_notification_oldest_seconds"
    assert value(await scraped(api), oldest) > 0
    assert (await api.patch("/api/v1/webhooks/chat", json={"active": False})).status_code == 200
    found = await scraped(api)
    assert (value(found, oldest), value(found, "paceline_notifications", state="waiting")) == (0, 1)


async def test_requests_are_counted_by_route_and_never_by_path(api: Calls, record: Record) -> None:
    await record()
    route = "/api/v1/projects/{project}"
    before = (await scraped(api)).get(
        ("paceline_http_requests_total", (("method", "GET"), ("route", route), ("status", "404"))), 0.0
    )
    for name in ("allotment", "nobody", "a%22b%0a", "x" * 300):
        await api.get(f"/api/v1/projects/{name}")
    await api.get(f"/no/such/{'y' * 100}")
    await api.request("BREW", "/health")
    found = await scraped(api)
    counted = {name: dict(labels) for name, labels in found if name == "paceline_http_requests_total"}
    assert counted
    after = value(found, "paceline_http_requests_total", method="GET", route=route, status="404")
    assert after - before >= 2
    assert value(found, "paceline_http_request_seconds_count", method="GET", route=route) >= 4
    labels = {label for name, labels in found for label in labels if name.startswith("paceline_http")}
    assert {said for name, said in labels if name == "method"} <= {
        *("GET", "POST", "PUT", "PATCH", "DELETE"),
        "other",
    }
    known = {template for name, template in labels if name == "route"}
    assert "unknown" in known
    assert not any("yyy" in each or "xxx" in each or "nobody" in each for each in known)


@pytest.mark.parametrize("kind", BOTH)
async def test_labels_are_bounded_however_many_runs_there_are(
    kind: str, settings: Settings, no_temporal: Client, request: pytest.FixtureRequest
) -> None:
    url = settings.resolved_database_url if kind == "sqlite" else request.getfixturevalue("postgres_url")
    migrate.upgrade(url)
    database = Database(url)
    try:
        await database.write(_many, figures.NAMED + 30)
        app = create_app(database, no_temporal, settings)
        async with calling(app) as calls:
            found = await scraped(calls)
    finally:
        database.close()
    projects = {dict(labels).get("project") for _, labels in found} - {None}
    assert len(projects) == figures.NAMED + 1
    assert figures.OTHERS in projects
    stories = sum(number for (name, _), number in found.items() if name == "paceline_stories")
    assert stories == 2 * (figures.NAMED + 30)
    assert value(found, "paceline_questions_open", project=figures.OTHERS) == 30
    assert value(found, "paceline_questions_overdue", project=figures.OTHERS) == 30
    assert value(found, "paceline_event_last_number", project="run-0079") == 7
    assert not any(HOSTILE in part for _, labels in found for pair in labels for part in pair)


def _many(session: Session, count: int) -> None:
    first = Run.model_validate(
        {
            "id": "run-0000",
            "title": HOSTILE,
            "plan_digest": "",
            "options": {},
            "started_at": "2026-11-21T09:00:00Z",
        }
    )
    write_run(session, first)
    for number in range(1, count):
        write_run(
            session,
            first.model_copy(
                update={
                    "id": f"run-{number:04}",
                    "started_at": first.started_at + timedelta(minutes=number),
                }
            ),
        )
    for number in range(count):
        asked = a_question(f"q{number}").model_copy(update={"project": f"run-{number:04}"})
        questions.open_question(session, asked)
        session.execute(insert(EventCounterRow).values(project=f"run-{number:04}", last=7))
    session.execute(update(QuestionRow).values(overdue=True))


async def test_a_scrape_reads_no_table_of_events(api: Calls, record: Record, database: Database) -> None:
    """The cost does not grow with the log: only single events are read, by their number."""
    recorded = await record()
    await recorded.happen(*(f"n{number}" for number in range(100)))

    def plans(session: Session) -> Iterable[str]:
        statements: list[tuple[str, object]] = []
        connection = session.connection()

        def heard(_c: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
            statements.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", heard)
        figures.read_figures(session)
        event.remove(connection, "before_cursor_execute", heard)
        return [
            str(row[3])
            for statement, parameters in statements
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
        ]

    steps = await database.read(lambda session: list(plans(session)))
    events = [step for step in steps if re.search(r"\bevents\b", step)]
    assert events
    assert all(step.startswith("SEARCH events") for step in events)
    assert not any(step.startswith(("SCAN story_statuses", "SCAN events")) for step in steps)


async def test_a_token_limited_to_projects_gets_no_metrics(door: Door, record: Record) -> None:
    await record()
    limited = await door.holder(Role.ADMIN, "lena", ["allotment"])
    assert (await limited.get("/metrics")).status_code == 403
    assert (await (await door.client(None)).get("/metrics")).status_code == 401
    assert (await (await door.holder(Role.VIEWER)).get("/metrics")).status_code == 200


async def test_without_a_database_the_rest_is_told(
    settings: Settings, no_temporal: Client, database: Database
) -> None:
    app = create_app(database, no_temporal, settings)
    async with calling(app) as calls:
        await database.write(lambda session: session.execute(text("ALTER TABLE runs RENAME TO gone")))
        found = await scraped(calls)
    assert value(found, "paceline_database_up") == 0
    assert ("paceline_temporal_up", ()) in found


async def test_a_request_is_one_line_with_its_trace(
    api: Calls, record: Record, caplog: pytest.LogCaptureFixture
) -> None:
    await record()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with caplog.at_level(logging.INFO, "paceline.access"):
        reply = await api.get(
            "/api/v1/projects/allotment?secret=in-the-query",
            headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"},
        )
    (line,) = [each for each in caplog.records if each.name == "paceline.access"]
    assert line.getMessage() == "GET /api/v1/projects/{project} 200"
    assert (line.__dict__["status"], line.__dict__["caller"]) == ("200", "admin")
    assert "in-the-query" not in str(line.__dict__)
    assert reply.headers["x-request-id"]
