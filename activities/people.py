"""Questions to people: opening them, and recording the answer that a workflow accepted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session
from temporalio import activity

from activities.absence import wait_for_agent
from activities.announcing import agent_events, announce
from activities.context import ActivityContext, RunContext
from paceline.contracts import (
    AnsweredStep,
    AskReply,
    AskStep,
    Done,
    ProjectAnswered,
    ProjectAsk,
)
from paceline.domain import graph, ids
from paceline.domain.asking import PressStep
from paceline.domain.claims import Grant
from paceline.domain.events import EventDraft, EventType
from paceline.domain.plan import Story
from paceline.domain.questions import MEANING, Answer, Decision, Question, QuestionKind
from paceline.domain.states import AgentState, StoryState
from paceline.domain.status import Run
from paceline.domain.waiting_rules import Pressing, Watch
from paceline.store import claims, events, notifications, questions, status

WAITING_NAMED = 200
"""Of the stories that wait for an answer so many are named; all of them are counted."""
KEPT_WHILE_WAITING = ("file:",)
"""While a person is asked, slots are given back and file locks are kept."""


class PeopleActivities:
    """Ask people, and write down what they said."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="ask-person")
    async def ask_person(self, step: AskStep) -> AskReply:
        """Open a question and give back the story's slots."""
        run = await self._context.run(step.project, step.revision)
        question, grants = await self._context.database.write(_ask, run, run.story(step.story), step)
        await self._context.tell(grants)
        return AskReply(question=question.id, watch=watch_of(run.run, step.kind))

    @activity.defn(name="record-answer")
    async def record_answer(self, step: AnsweredStep) -> Done:
        """Record a person's answer to a story's question."""
        run = await self._context.run(step.project, step.revision)
        await self._context.tell(
            await self._context.database.write(_answered, run, run.story(step.story), step)
        )
        return Done()

    @activity.defn(name="ask-about-project")
    async def ask_about_project(self, step: ProjectAsk) -> AskReply:
        """Open a question that belongs to the whole project."""
        run = await self._context.run(step.project, step.revision)
        question = await self._context.database.write(_ask_project, run.run, step)
        return AskReply(question=question.id, watch=watch_of(run.run, step.kind))

    @activity.defn(name="record-project-answer")
    async def record_project_answer(self, step: ProjectAnswered) -> Done:
        """Record the answer to a question of the whole project."""
        run = await self._context.run(step.project, step.revision)
        await self._context.database.write(_project_answered, run.run, step)
        return Done()

    @activity.defn(name="press-question")
    async def press_question(self, step: PressStep) -> Done:
        """Remind people of a question that nobody answers, or tell the next of them."""
        run = await self._context.run(step.project, step.revision)
        await self._context.database.write(_press, run.run, step)
        return Done()


def _ask(session: Session, run: RunContext, story: Story, step: AskStep) -> tuple[Question, list[Grant]]:
    workflow_id = run.workflow_id(story)
    question = questions.open_question(
        session,
        Question(
            id=ids.question_id(workflow_id, step.number),
            kind=step.kind,
            project=step.project,
            workflow_id=workflow_id,
            story=story.id,
            text=step.text,
            context={**step.context, "attempt": step.attempt, "title": story.title},
            options=step.options,
            **waiting(session, step.project, [story.id, *graph.behind(story.id, run.dependants)]),
            **times(run.run, step.kind),
        ),
    )
    grants = claims.reduce_claim(session, workflow_id, KEPT_WHILE_WAITING)
    row = status.set_story(
        session,
        step.project,
        story.id,
        state=StoryState.WAITING_FOR_PERSON,
        attempt=step.attempt,
        workflow_id=workflow_id,
        reason=f"waits for an answer to {question.id}",
        reason_code="WAITING_FOR_PERSON",
    )
    drafts = agent_events(session, step.project, row, AgentState.WAITING_FOR_HITL, mark=question.id)
    drafts.append(asked_event(question))
    append_and_tell(session, run.run, drafts)
    announce(session, grants)
    return question, grants


def _ask_project(session: Session, run: Run, step: ProjectAsk) -> Question:
    question = questions.open_question(
        session,
        Question(
            id=ids.question_id(step.workflow or step.project, step.number),
            kind=step.kind,
            project=step.project,
            workflow_id=step.workflow or step.project,
            text=step.text,
            context=dict(step.context),
            options=step.options,
            **waiting(session, step.project, step.waits),
            **times(run, step.kind),
        ),
    )
    append_and_tell(session, run, [asked_event(question)])
    return question


def append_and_tell(session: Session, run: Run, drafts: Sequence[EventDraft]) -> None:
    """Append events, and write down in the same transaction who outside is to hear of them."""
    notifications.queue_notifications(
        session, run.options.notify, events.append_events(session, run.id, drafts)
    )


def watch_of(run: Run, kind: QuestionKind) -> Watch | None:
    """What the run does about a question of this kind that nobody answers."""
    return run.options.questions.watch(kind) if run.options.questions else None


def times(run: Run, kind: QuestionKind) -> dict[str, Any]:
    """Fields of a question that is asked now: when, until when, and who is told next."""
    now, watch = datetime.now(UTC), watch_of(run, kind)
    if watch is None:
        return {"asked_at": now}
    deadline = now + timedelta(seconds=watch.deadline) if watch.deadline else None
    return {"asked_at": now, "deadline": deadline, "escalation": watch.escalation}


def waiting(session: Session, project: str, stories: Sequence[str] | None) -> dict[str, Any]:
    """Fields of a question: which stories wait for it.

    Args:
        session: of the transaction in which it is asked.
        project: the run.
        stories: those that would; None: all that have not ended.
    """
    open_stories = status.unended(session, project)
    if stories is not None:
        left = set(open_stories)
        open_stories = [story for story in stories if story in left]
    return {"waits_for_it": open_stories[:WAITING_NAMED], "waiting": len(open_stories)}


def asked_event(question: Question) -> EventDraft:
    """The event that a person is asked."""
    return EventDraft(
        key=f"{question.id}#asked",
        type=EventType.HITL_REQUEST,
        name="question.asked",
        story=question.story,
        data={
            **_facts(question),
            "answers": {decision.value: text for decision, text in MEANING[question.kind].items()},
            "options": [option.model_dump() for option in question.options[:WAITING_NAMED]],
            "escalation": question.escalation,
        },
    )


def pressed_event(question: Question, what: Pressing) -> EventDraft:
    """The event that nobody answers a question, and who is told of it."""
    told = question.escalation[question.escalated - 1] if question.escalated else ""
    if what is Pressing.REMIND:
        return EventDraft(
            key=f"{question.id}#reminded#{question.reminders}",
            type=EventType.HITL_REQUEST,
            name="question.reminded",
            story=question.story,
            data={**_facts(question), "number": question.reminders, "told": told},
        )
    if what is Pressing.ESCALATE:
        return EventDraft(
            key=f"{question.id}#escalated#{question.escalated}",
            type=EventType.HITL_REQUEST,
            name="question.escalated",
            story=question.story,
            data={**_facts(question), "number": question.escalated, "told": told},
        )
    return EventDraft(
        key=f"{question.id}#overdue",
        type=EventType.HITL_REQUEST,
        name="question.overdue",
        story=question.story,
        data={**_facts(question), "told": told},
    )


def _facts(question: Question) -> dict[str, Any]:
    return {
        "question": question.id,
        "kind": question.kind.value,
        "text": question.text[:2000],
        "waits_for_it": question.waits_for_it[:50],
        "waiting": question.waiting,
        "deadline": question.deadline.isoformat() if question.deadline else None,
    }


def _press(session: Session, run: Run, step: PressStep) -> None:
    overdue = step.what is Pressing.OVERDUE
    changes = {"reminders": step.reminders, "escalated": step.escalated, "deadline": step.deadline}
    question = questions.press_question(
        session, step.question, **changes, **({"overdue": True} if overdue else {})
    )
    if question is None:
        return
    if overdue and question.story is not None:
        said = f"waits for an answer to {question.id}, which is overdue: everybody was told"
        status.set_story(session, step.project, question.story, reason=said, reason_code="QUESTION_OVERDUE")
    append_and_tell(session, run, [pressed_event(question, step.what)])


def _project_answered(session: Session, run: Run, step: ProjectAnswered) -> None:
    if step.asked is not None:
        _ask_project(session, run, step.asked)
    key = f"{step.answer.question}#answered"
    _record(session, run, None, step.answer, step.kind, key)
    approved = step.answer.decision is Decision.APPROVE
    if step.kind is QuestionKind.REPLACE_AGENT and approved and step.asked is not None:
        wait_for_agent(session, run.id, step.asked.workflow, step.answer.actor, step.answer.text)


def _answered(session: Session, run: RunContext, story: Story, step: AnsweredStep) -> list[Grant]:
    """Record it; a question that an older copy of the database does not have is opened before that."""
    grants: list[Grant] = []
    if step.asked is not None and not questions.is_known(session, step.answer.question):
        _, grants = _ask(session, run, story, step.asked)
    key = f"{step.answer.question}#answered"
    _record(session, run.run, story.id, step.answer, step.kind, key)
    row = status.set_story(
        session,
        step.project,
        story.id,
        state=StoryState.CLAIMING,
        attempt=step.attempt,
        reason=f"was answered by {step.answer.actor} and goes on"[:500],
        reason_code="ANSWERED",
    )
    drafts = agent_events(session, step.project, row, AgentState.IDLE, mark=key)
    events.append_events(session, step.project, drafts)
    return grants


def _record(
    session: Session, run: Run, story: str | None, answer: Answer, kind: QuestionKind, key: str
) -> None:
    questions.record_answer(session, answer.question, answer)
    draft = EventDraft(
        key=key,
        type=EventType.HITL_RESPONSE,
        name="question.answered",
        actor=answer.actor,
        story=story,
        data={
            "question": answer.question,
            "kind": kind.value,
            "decision": answer.decision.value,
            "text": answer.text,
            "chosen": answer.chosen,
        },
    )
    append_and_tell(session, run, [draft])
