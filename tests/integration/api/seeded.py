"""A database with something of everything in it: the run that the examples of the API speak of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.orm import Session
from temporalio.client import Client

from activities.bundle import build_bundle
from activities.context import ActivityContext
from activities.growth import first_claim
from activities.sprint_records import read_sprint
from paceline.domain.access import Role
from paceline.domain.due_reports import due_reports
from paceline.domain.events import EventDraft, EventType
from paceline.domain.notifications import NotifyOptions
from paceline.domain.questions import Answer, Decision
from paceline.domain.retro_entries import EntryDraft, EntryKind
from paceline.domain.rollback import RollbackKind
from paceline.domain.states import AgentState, RunState, StoryState
from paceline.domain.status import Run, RunOptions, StoryStatus
from paceline.domain.work import AgentDeclaration
from paceline.plans.reader import read_plan
from paceline.settings import Settings
from paceline.store import (
    events,
    notifications,
    questions,
    reports,
    rollbacks,
    runs,
    status,
    tokens,
    webhooks,
)
from paceline.store.database import Database
from paceline.store.sealing import Seal
from tests.integration.api import allotment
from tests.integration.api.allotment import a_question

PLAN = f"""{allotment.PLAN}
## Success Metrics
- **Yield**: >90%
- **Feedback**: The neighbours are happy
"""
START = datetime(2026, 11, 21, 9, tzinfo=UTC)
_NOTIFY = NotifyOptions.model_validate({"webhooks": {"team": {"url": "https://team.example"}}})


@dataclass(frozen=True)
class Seeds:
    """Names of what is there, by the name that a path has for it."""

    paths: Mapping[str, str]
    fence: int
    """Of the first story's claim, whose attempt 1 works."""
    repository: Path | None


async def seed(
    database: Database, settings: Settings, client: Client, repository: Path | None = None
) -> Seeds:
    """Write the run `allotment`, which goes on, and `peas`, which has ended."""
    await database.write(_write, _run("allotment", repository))
    await database.write(_write, _run("peas", None))
    context = await ActivityContext(database, settings, client).run("allotment")
    story = context.story("Story 1.1")
    granted = (await database.write(first_claim, context, story, 0.0)).decision
    assert granted is not None
    assert granted.fence is not None
    notification = await database.write(_happen)
    sprint = context.plan.sprints[0].id
    record = await database.read(read_sprint, "allotment", sprint, START)
    drafts = due_reports(record, START.replace(day=23, hour=12), over=True)
    await database.write(reports.save_reports, "allotment", drafts)
    entry = EntryDraft(key="e1", kind=EntryKind.NOTE, topic="Tools", text="Buy a spade", actor="ada")
    await database.write(reports.add_entry, "allotment", sprint, entry)
    token = await database.write(tokens.create_token, "the chat bot", Role.OPERATOR, "kim", [])
    seal = Seal(settings.webhook_key)
    url = webhooks.Sealed(seal.seal("https://team.example/hook"), "https://team.example")
    secret = seal.seal("whsec_" + "c2VjcmV0" * 4)
    await database.write(webhooks.create_webhook, "team", url, secret, "kim", [], [], None)
    bundle = await build_bundle(database, settings, "peas")
    await database.write(runs.end_run, "peas", RunState.COMPLETED)
    paths = {
        "project": "allotment",
        "project_id": "peas",
        "story": "Story 1.1",
        "agent": "Digger",
        "question": "q1",
        "notification": notification,
        "kind": "planning",
        "sprint": sprint,
        "number": "1",
        "table": "stories",
        "token": token.token.id,
        "artifact": bundle.id,
        "session": "nobody's",
        "epic": context.plan.epics[0].id,
        "attempt": "1",
        "webhook": "team",
    }
    return Seeds(paths, granted.fence, repository)


def _run(project: str, repository: Path | None) -> Run:
    return Run(
        id=project,
        title="Tend the Allotment",
        plan_digest="",
        repository=str(repository) if repository else None,
        options=RunOptions(agents={"*": AgentDeclaration(kind="simulated")}),
        started_at=START,
    )


def _write(session: Session, run: Run) -> None:
    plan = read_plan(PLAN, "plan.md")
    digest = runs.save_plan(session, plan, PLAN)
    runs.create_run(session, run.model_copy(update={"plan_digest": digest}))
    sprint = plan.sprints[0].id
    rows = [
        StoryStatus(id=story.id, title=story.title, epic=story.epic, sprint=sprint, agents=story.agents)
        for story in plan.stories
    ]
    status.plan_stories(session, run.id, rows)
    for story in plan.stories:
        status.set_agent(session, run.id, story.agents[0], AgentState.IDLE)


def _happen(session: Session) -> str:
    """Work begins, people are asked, and a message does not arrive; returns the message's id."""
    status.set_story(session, "allotment", "Story 1.1", state=StoryState.WORKING, attempt=1)
    status.set_agent(session, "allotment", "Digger", AgentState.WORKING, story="Story 1.1")
    for question in ("q1", "q2"):
        questions.open_question(session, a_question(question))
    given = Answer(question="q2", decision=Decision.APPROVE, actor="ada")
    questions.record_answer(session, "q2", given)
    rollbacks.ask_rollback(session, "allotment", RollbackKind.STORY, "Story 1.1", "kim", None, START)
    drafts = [
        EventDraft(
            key="q1#asked", type=EventType.HITL_REQUEST, name="question.asked", data={"question": "q1"}
        ),
        EventDraft(key="s1", type=EventType.WORKFLOW_EVENT, name="story.state", story="Story 1.1"),
    ]
    told = events.append_events(session, "allotment", drafts)
    notifications.queue_notifications(session, _NOTIFY, told)
    [claimed] = notifications.claim_due(session, 10)
    notifications.note_failed(session, claimed, "NOTIFY_TIMEOUT", "team did not take it", None)
    return claimed.id
