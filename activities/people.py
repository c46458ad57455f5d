"""Questions to people: opening them, and recording the answer that a workflow accepted."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.orm import Session
from temporalio import activity

from activities.announcing import agent_events, announce
from activities.context import ActivityContext, RunContext
from paceline.contracts import AnsweredStep, AskReply, AskStep, Done, ProjectAnswered, ProjectAsk
from paceline.domain import ids
from paceline.domain.claims import Grant
from paceline.domain.events import EventDraft, EventType
from paceline.domain.plan import Story
from paceline.domain.questions import MEANING, Answer, Question, QuestionKind
from paceline.domain.states import AgentState, StoryState
from paceline.store import claims, events, questions, status

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
        return AskReply(question=question.id)

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
        return AskReply(question=(await self._context.database.write(_ask_project, step)).id)

    @activity.defn(name="record-project-answer")
    async def record_project_answer(self, step: ProjectAnswered) -> Done:
        """Record the answer to a question of the whole project."""
        await self._context.database.write(_project_answered, step)
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
            asked_at=datetime.now(UTC),
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
    events.append_events(session, step.project, drafts)
    announce(session, grants)
    return question, grants


def _ask_project(session: Session, step: ProjectAsk) -> Question:
    question = questions.open_question(
        session,
        Question(
            id=ids.question_id(step.project, step.number),
            kind=step.kind,
            project=step.project,
            workflow_id=step.project,
            text=step.text,
            asked_at=datetime.now(UTC),
        ),
    )
    events.append_events(session, step.project, [asked_event(question)])
    return question


def asked_event(question: Question) -> EventDraft:
    """The event that a person is asked."""
    return EventDraft(
        key=f"{question.id}#asked",
        type=EventType.HITL_REQUEST,
        name="question.asked",
        story=question.story,
        data={
            "question": question.id,
            "kind": question.kind.value,
            "text": question.text[:2000],
            "answers": {decision.value: text for decision, text in MEANING[question.kind].items()},
        },
    )


def _project_answered(session: Session, step: ProjectAnswered) -> None:
    if step.asked is not None:
        _ask_project(session, step.asked)
    key = f"{step.answer.question}#answered"
    _record(session, step.project, None, step.answer, step.kind, key)


def _answered(session: Session, run: RunContext, story: Story, step: AnsweredStep) -> list[Grant]:
    """Record it; a question that an older copy of the database does not have is opened before that."""
    grants: list[Grant] = []
    if step.asked is not None and not questions.is_known(session, step.answer.question):
        _, grants = _ask(session, run, story, step.asked)
    key = f"{step.answer.question}#answered"
    _record(session, step.project, story.id, step.answer, step.kind, key)
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
    session: Session, project: str, story: str | None, answer: Answer, kind: QuestionKind, key: str
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
        },
    )
    events.append_events(session, project, [draft])
