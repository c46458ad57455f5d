"""Every list in pages, on rows that stand closely: nothing is left out, nothing comes twice."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi.routing import APIRoute
from sqlalchemy.orm import Session

from api import main
from paceline.domain.access import Role
from paceline.domain.audit import AuditDraft
from paceline.domain.events import EventDraft, EventType
from paceline.domain.notifications import NotifyOptions
from paceline.domain.proof import Proof
from paceline.domain.questions import QuestionKind
from paceline.domain.reports import ReportDraft, ReportKind
from paceline.domain.retro_entries import EntryDraft
from paceline.domain.rollback import RollbackKind
from paceline.domain.states import AgentState, RunState, StoryState
from paceline.domain.status import Artifact
from paceline.store import (
    artifacts,
    audit,
    events,
    notifications,
    proofs,
    questions,
    reports,
    rollbacks,
    runs,
    status,
    tokens,
)
from paceline.store.claim_statements import DECISIONS
from paceline.store.database import Database
from paceline.store.models import AgentRow
from tests.integration.api.allotment import Calls, Record, a_question
from tests.integration.api.both_databases import database
from tests.integration.api.holders import Door

__all__ = ["database"]

P, RUN = "/api/v1/projects", "/api/v1/projects/allotment"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
OPTIONS = NotifyOptions.model_validate({"webhooks": {"team": {"url": "https://team.example"}}})
LISTS = {
    P: 5,
    f"{P}?state=running": 5,
    f"{P}?title=ALLOT": 5,
    f"{RUN}/stories": 2,
    f"{RUN}/stories/Story%201.1/attempts": 3,
    f"{RUN}/sprints": 1,
    f"{RUN}/epics": 1,
    f"{RUN}/events": 12,
    f"{RUN}/events?after=2&type=WORKFLOW_EVENT": 4,
    f"{RUN}/proofs": 8,
    f"{RUN}/reports": 6,
    f"{RUN}/rollbacks": 4,
    f"{RUN}/retrospective": 4,
    f"{RUN}/claims/decisions": 5,
    "/api/v1/artifacts/allotment": 3,
    "/api/v1/questions": 6,
    "/api/v1/questions?state=any&project=allotment": 6,
    "/api/v1/notifications": 3,
    "/api/v1/agents/status": 10,
    "/api/v1/agents/status?state=IDLE&state=WORKING": 10,
    "/api/v1/agents/status-history/Digger": 13,
    "/api/v1/tokens": 4,
    "/api/v1/audit": 5,
}
"""Lists, and how many entries each has after `fill`."""


def fill(session: Session) -> None:
    """Rows of every list of `allotment`, many of them of the same moment."""
    drafts = [
        EventDraft(
            key=f"e{n}", type=EventType.HITL_REQUEST if n % 2 else EventType.WORKFLOW_EVENT, name="seen"
        )
        for n in range(9)
    ]
    drafts += [
        EventDraft(
            key=f"a{n}",
            type=EventType.HITL_REQUEST,
            name="attempt.started",
            story="Story 1.1",
            data={"attempt": n},
        )
        for n in (1, 2, 3)
    ]
    told = events.append_events(session, "allotment", drafts)
    notifications.queue_notifications(session, OPTIONS.model_copy(update={"events": ["seen"]}), told[:3])
    proof = {"project": "allotment", "attempt": 1, "verdict": "passed", "prover": "person", "text": "so"}
    proofs.save_proofs(
        session,
        [
            Proof.model_validate(
                {**proof, "story": story, "commit": "c0", "kind": kind, "number": n, "at": NOON}
            )
            for story in ("Story 1.1", "Story 1.2")
            for kind in ("criterion", "check")
            for n in (1, 2)
        ],
    )
    for sprint in ("Sprint 1", "Sprint 2"):
        drafted = [ReportDraft(sprint=sprint, kind=kind, number=1, data={}) for kind in list(ReportKind)[:3]]
        reports.save_reports(session, "allotment", drafted)
    for n in range(4):
        rollbacks.ask_rollback(session, "allotment", RollbackKind.STORY, f"1.{n}", "ada", None, NOON)
        reports.add_entry(session, "allotment", "Sprint 1", EntryDraft(key=str(n), text="more rain"))
        tokens.create_token(session, f"t{n}", Role.VIEWER, "kim")
    for n in range(6):
        questions.open_question(session, a_question(f"q{n}").model_copy(update={"asked_at": NOON}))
    for n in range(8):
        state = AgentState.WORKING if n % 2 == 0 else AgentState.IDLE
        status.set_agent(session, "allotment", "Digger", state)
    for n in range(3):
        artifacts.index_artifact(
            session,
            Artifact(
                id=f"f{n}",
                project="allotment",
                kind="log",
                path=f"{n}.log",
                bytes=1,
                sha256="0" * 64,
                created_at=NOON,
            ),
        )
    decision = {"scope": "s", "project": "allotment", "story": None, "claim": "c", "holder": "h"}
    decision |= {"kind": "granted", "needs": "[]", "reason": "free", "fence": 1, "actor": "h", "at": NOON}
    session.connection().execute(DECISIONS.insert(), [decision] * 5)
    draft = {"actor": "ada", "role": "admin", "method": "POST", "path": "/", "status": 200}
    for n in range(5):
        said = AuditDraft.model_validate({**draft, "request": str(n), "body": "0" * 64})
        audit.append_audit(session, said)


async def pages(api: Calls, path: str, limit: int) -> list[list[Any]]:
    """Every page, by following `Link`."""
    found: list[list[Any]] = []
    address: str | None = f"{path}{'&' if '?' in path else '?'}limit={limit}"
    while address is not None:
        reply = await api.get(address)
        assert reply.status_code == 200, reply.text
        found.append(reply.json())
        link = re.fullmatch(r'<(/[^>]*)>; rel="next"', reply.headers.get("link", ""))
        assert (link is None) == ("x-next-cursor" not in reply.headers)
        address = link[1] if link else None
        if link:
            assert reply.headers["x-next-cursor"] in link[1]
            assert len(found[-1]) == limit
    return found


async def test_every_list_is_the_same_in_pages(api: Calls, record: Record, database: Database) -> None:
    for name in ("allotment", "allotment-2", "allotment-3", "beans", "Peas"):
        await record(name)
    await database.write(fill)
    for path, count in LISTS.items():
        whole = await api.get(path)
        assert len(whole.json()) == count, path
        assert "link" not in whole.headers, path
        for limit in (1, 2, count):
            parts = await pages(api, path, limit)
            assert [entry for part in parts for entry in part] == whole.json(), (path, limit)
            assert len(parts) == -(-count // limit), path


def test_every_list_of_the_api_is_in_this_table() -> None:
    lists: set[str] = set()
    for module in main.RESOURCES:
        for route in module.router.routes:
            if (
                isinstance(route, APIRoute)
                and "GET" in (route.methods or ())
                and "list[" in str(route.response_model)
            ):
                lists.add(f"/api/v1{route.path}")
    paged = {re.sub(r"\{\w+(:path)?\}", "*", path) for path in lists - WHOLE}
    tried = {re.sub("/(allotment|Digger|Story%201.1)", "/*", path.partition("?")[0]) for path in LISTS}
    assert paged == tried


WHOLE = {
    f"{P}/{{project}}/claims",
    f"{P}/{{project}}/boundaries",
    "/api/v1/sessions",
    "/api/v1/webhooks",
    # In pages as notifications are, which it reads.
    "/api/v1/webhooks/{webhook}/deliveries",
}
"""Lists that are given whole: docs/decisions says why."""


async def test_what_is_added_meanwhile_moves_nothing(api: Calls, record: Record, database: Database) -> None:
    await record()
    await database.write(fill)
    first = await api.get("/api/v1/questions?limit=3")
    earlier = a_question("earlier").model_copy(update={"asked_at": NOON - timedelta(days=1)})
    later = a_question("later").model_copy(update={"asked_at": NOON + timedelta(days=1)})
    for question in (earlier, later):
        await database.write(questions.open_question, question)
    seen = [each["id"] for each in first.json()]
    rest = await api.get("/api/v1/questions", params={"limit": 3, "cursor": first.headers["x-next-cursor"]})
    seen += [each["id"] for each in rest.json()]
    assert seen == [f"q{n}" for n in range(6)]
    newest = await api.get(rest.headers["link"].partition(">")[0][1:])
    assert [each["id"] for each in newest.json()] == ["later"]


def forged(values: Any, of: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([of, values]).encode()).decode().rstrip("=")


async def test_a_bad_cursor_is_a_422(api: Calls, record: Record, database: Database) -> None:
    await record()
    await database.write(fill)
    good = (await api.get("/api/v1/questions?limit=1")).headers["x-next-cursor"]
    of = json.loads(base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)))[0]
    moment = NOON.isoformat()
    bad = ["", "x", "====", "é", good[:-3], good + "A" * 9, "[]", forged([], "other"), forged(None, of)]
    bad += [forged(values, of) for values in ([], [1, "q"], [moment], ["2026-11-21T12:00:00", "q"])]
    bad += [forged(values, of) for values in ([moment, "a\x00"], [moment, "\ud800"], [moment, None])]
    bad += [forged([moment, {}], of), forged(["0001-01-01T00:00:00+23:59", "q"], of)]
    bad += [base64.urlsafe_b64encode(b"[" * 2000).decode()]
    for cursor in bad:
        reply = await api.get("/api/v1/questions", params={"limit": 1, "cursor": cursor})
        assert (reply.status_code, reply.json()["code"]) == (422, "CURSOR_INVALID"), cursor
    for path in ("/api/v1/questions?state=any", "/api/v1/notifications?x=1", "/api/v1/tokens?x=1"):
        reply = await api.get(f"{path}&limit=1&cursor={good}")
        assert reply.json()["code"] == "CURSOR_INVALID", path
    huge = forged([2**70], json.loads(base64.urlsafe_b64decode(await _cursor(api, f"{RUN}/events")))[0])
    assert (await api.get(f"{RUN}/events?limit=1&cursor={huge}")).json()["code"] == "CURSOR_INVALID"
    long = await api.get("/api/v1/questions", params={"cursor": "x" * 5000})
    assert (long.status_code, long.json()["code"]) == (422, "REQUEST_INVALID")


async def _cursor(api: Calls, path: str) -> bytes:
    cursor = (await api.get(f"{path}?limit=1")).headers["x-next-cursor"]
    return (cursor + "=" * (-len(cursor) % 4)).encode()


async def test_a_page_shows_a_limited_token_only_its_projects(
    door: Door, record: Record, database: Database
) -> None:
    for name in ("allotment", "beans"):
        await record(name)
    ada = await door.holder(Role.VIEWER, "ada", ["beans"])
    other = await door.holder(Role.VIEWER, "bob")
    assert [[run["id"] for run in part] for part in await pages(ada, P, 1)] == [["beans"]]
    cursor = (await other.get(f"{P}?limit=1")).headers["x-next-cursor"]
    shown = (await ada.get(f"{P}?limit=5&cursor={cursor}")).json()
    assert {run["id"] for run in shown} <= {"beans"}


async def test_filters(api: Calls, record: Record, database: Database) -> None:
    await record()
    await record("beans")
    await database.write(runs.end_run, "beans", RunState.COMPLETED)
    await database.write(status.set_story, "allotment", "Story 1.1", state=StoryState.WORKING)
    await database.write(fill)
    question = a_question("other").model_copy(update={"kind": QuestionKind.CONFIRM_ROLLBACK, "story": None})
    await database.write(questions.open_question, question)

    async def ids(path: str, field: str = "id") -> list[Any]:
        reply = await api.get(path)
        assert reply.status_code == 200, reply.text
        return [each[field] for each in reply.json()]

    (epic,) = set(await ids(f"{RUN}/stories", "epic"))
    (sprint,) = set(await ids(f"{RUN}/stories", "sprint"))
    assert await ids(f"{RUN}/stories?state=working") == ["Story 1.1"]
    assert await ids(f"{RUN}/stories?state=working&state=pending") == ["Story 1.1", "Story 1.2"]
    assert await ids(f"{RUN}/stories?agent=Planter") == ["Story 1.2"]
    assert await ids(f"{RUN}/stories?agent=Plant") == []
    for wanted in ({"epic": epic}, {"sprint": sprint}):
        found = await api.get(f"{RUN}/stories", params=wanted)
        assert len(found.json()) == 2
        none = await api.get(f"{RUN}/stories", params=dict.fromkeys(wanted, "no such"))
        assert none.json() == []
    assert await ids(f"{P}?title=BEAN") == ["beans"]
    assert await ids(f"{P}?title=%25") == []
    assert await ids(f"{P}?title=allotment&state=completed") == ["beans"]
    assert len(await ids(f"{RUN}/events?type=HITL_REQUEST&name=seen", "number")) == 4
    assert await ids(f"{RUN}/events?type=HITL_REQUEST&type=WORKFLOW_EVENT&name=seen&after=7", "number") == [
        8,
        9,
    ]
    assert await ids(f"{RUN}/events?name=unheard", "number") == []
    assert await ids(f"{RUN}/events?story=Story%201.1", "number") == [10, 11, 12]
    assert await ids("/api/v1/questions?kind=confirm_rollback") == ["other"]
    assert len(await ids("/api/v1/questions?story=Story%201.1")) == 6
    assert (await api.get(f"{RUN}/stories?state=nonsense")).status_code == 422


def fall_silent(session: Session) -> None:
    row = session.get(AgentRow, ("allotment", "Digger"))
    assert row is not None
    row.state, row.last_heartbeat = AgentState.WORKING.value, NOON - timedelta(days=1)


async def test_agents_are_filtered_by_the_state_that_is_shown(
    api: Calls, record: Record, database: Database
) -> None:
    await record()
    await database.write(fall_silent)
    await database.write(status.set_agent, "allotment", "Planter", AgentState.WORKING)
    for state, names in (("DEAD", ["Digger"]), ("WORKING", ["Planter"]), ("IDLE", [])):
        found = (await api.get(f"/api/v1/agents/status?state={state}")).json()
        assert [(each["agent"], each["state"]) for each in found] == [(name, state) for name in names]
