"""What the database keeps of a rollback: its question, its claim, its end; each in one transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from activities.claims import announce
from activities.context import RunContext
from activities.people import append_and_tell, asked_event, times
from paceline.domain import ids
from paceline.domain.claims import ClaimDecision, ClaimRequest, Grant, Need
from paceline.domain.events import EventDraft, EventType
from paceline.domain.questions import Question, QuestionKind
from paceline.domain.rollback import NotedRollback, Rollback, RollbackKind, RollbackState
from paceline.domain.rollback_steps import (
    RollbackAsk,
    RollbackClaim,
    RollbackEnd,
    RollbackMake,
    RollbackReport,
)
from paceline.domain.states import StoryState
from paceline.domain.status import Run
from paceline.errors import Conflict
from paceline.store import claims, events, merge_line, questions, rollbacks

MOST_PATHS = 500
"""A rollback of more paths claims the whole repository: the waiting line compares each path with each."""
_WHOLE = "**"


def open_question(session: Session, run: Run, rollback: Rollback, step: RollbackAsk) -> Question:
    """Open the question about it, with its event; twice is once."""
    question = questions.open_question(
        session,
        Question(
            id=f"rollback-{ids.question_id(rollback.id, step.asked)}",
            kind=QuestionKind.CONFIRM_ROLLBACK,
            project=step.project,
            workflow_id=rollback.id,
            story=rollback.target if rollback.kind is RollbackKind.STORY else None,
            text=step.text,
            context=dict(step.context),
            **times(run, QuestionKind.CONFIRM_ROLLBACK),
        ),
    )
    rollbacks.note_question(session, step.project, step.number, question.id)
    append_and_tell(session, run, [asked_event(question)])
    return question


def claim_id(rollback: Rollback, round_: int) -> str:
    """The key of its claim in one round."""
    return f"{rollback.id}#{round_}"


def claim(
    session: Session, run: RunContext, rollback: Rollback, branch: str, step: RollbackClaim
) -> ClaimDecision:
    """Ask for every path that a choice would change, and for the branch."""
    paths = rollbacks.preview_of(session, step.project, step.number)[step.choice].paths
    files = [_WHOLE] if len(paths) > MOST_PATHS else paths
    request = ClaimRequest(
        claim=claim_id(rollback, step.round),
        scope=run.scope,
        holder=rollback.id,
        project=step.project,
        # Two rollbacks of one branch come one after the other, whatever they change.
        needs=[Need(resource=f"merge:{branch}"), *(Need(resource=f"file:{path}") for path in files)],
        weight=max(run.weights.values(), default=0.0),
    )
    return claims.request_claim(session, request)


def release(session: Session, holder: str) -> list[Grant]:
    """Give back all that it holds, of every round."""
    grants = claims.release_holder(session, holder, holder)
    announce(session, grants)
    return grants


def check(session: Session, rollback: Rollback, step: RollbackMake) -> None:
    """Refuse who was replaced, or has ended; its claim stays locked until the transaction ends."""
    claims.check_fence(session, claim_id(rollback, step.round), step.fence)
    if rollbacks.get_rollback(session, step.project, step.number).state is not RollbackState.OPEN:
        raise Conflict(f"Rollback {step.number} of {step.project} has ended.")


def adopt(session: Session, rollback: Rollback, branch: str, made: NotedRollback, line: str) -> None:
    """Record what a try made that died before it could, and tell who makes it anew."""
    known = rollbacks.remember_rollback(session, rollback)
    record(session, known, branch, made)
    report = RollbackReport(made=True, commit=made.tip).model_dump(mode="json")
    for entry in merge_line.waiting_in(session, line):
        if entry.place.claim.startswith(f"{rollback.id}#"):
            merge_line.end_place(session, line, entry.place.claim, entry.landing, report)


def record(session: Session, rollback: Rollback, branch: str, noted: NotedRollback) -> None:
    """Write down that the branch moved, in the transaction that moves it; twice is once."""
    decided_by = noted.decided_by or rollback.asked_by
    first = rollbacks.end_rollback(
        session,
        rollback.project,
        rollback.number,
        RollbackState.MADE,
        branch=branch,
        commits=[each.model_dump(mode="json") for each in noted.commits],
        decided_by=decided_by,
    )
    if not first:
        return
    made = rollback.model_copy(update={"commits": list(noted.commits), "decided_by": decided_by})
    gone = [story for story in made.reverted if story not in made.restored]
    back = [story for story in made.restored if story not in made.reverted]
    reason = f"rolled back by {decided_by} ({rollback.id})"[:500]
    rollbacks.mark_reverted(session, rollback.project, gone, reason)
    rollbacks.mark_restored(session, rollback.project, back)
    drafts = [_made_event(made, branch, decided_by, noted.fence)]
    drafts += [_story_reverted(made, story, reason, decided_by) for story in gone]
    drafts += [_story_restored(made, story, decided_by) for story in back]
    events.append_events(session, rollback.project, drafts)


def _made_event(made: Rollback, branch: str, actor: str, fence: int | None) -> EventDraft:
    return EventDraft(
        key=f"{made.id}#made",
        type=EventType.WORKFLOW_EVENT,
        name="rollback.made",
        actor=actor,
        data={
            "rollback": made.number,
            "kind": made.kind.value,
            "target": made.target,
            "branch": branch,
            "commit": made.commits[-1].commit,
            "reverted": made.reverted[:500],
            "restored": made.restored[:500],
            "fence": fence,
        },
    )


def _story_reverted(made: Rollback, story: str, reason: str, actor: str) -> EventDraft:
    return EventDraft(
        key=f"{made.id}#{story}#reverted",
        type=EventType.WORKFLOW_EVENT,
        name="story.reverted",
        actor=actor,
        story=story,
        data={"state": StoryState.REVERTED.value, "rollback": made.number, "reason": reason},
    )


def _story_restored(made: Rollback, story: str, actor: str) -> EventDraft:
    return EventDraft(
        key=f"{made.id}#{story}#restored",
        type=EventType.WORKFLOW_EVENT,
        name="story.restored",
        actor=actor,
        story=story,
        data={"state": StoryState.MERGED.value, "rollback": made.number},
    )


def end(session: Session, rollback: Rollback, step: RollbackEnd) -> list[Grant]:
    """Give everything back, and record a refusal where there is one."""
    grants = release(session, rollback.id)
    questions.withdraw_questions(session, rollback.id)
    if step.code:
        refuse(session, rollback, step.code, step.reason, step.decided_by)
    return grants


def refuse(session: Session, rollback: Rollback, code: str, reason: str, by: str | None = None) -> None:
    """Record that it was not made, unless it was."""
    preview = rollbacks.preview_of(session, rollback.project, rollback.number)
    details = next(
        (each.details for each in preview.values() if each.conflict and reason == each.conflict[:2000]),
        dict[str, Any](),
    )
    facts = {"code": code, "reason": reason[:2000], "details": details, "decided_by": by}
    if rollbacks.end_rollback(session, rollback.project, rollback.number, RollbackState.REFUSED, **facts):
        draft = EventDraft(
            key=f"{rollback.id}#refused",
            type=EventType.WORKFLOW_EVENT,
            name="rollback.refused",
            actor=by or "paceline",
            data={
                "rollback": rollback.number,
                "kind": rollback.kind.value,
                "target": rollback.target,
                "code": code,
                "reason": reason[:500],
            },
        )
        events.append_events(session, rollback.project, [draft])


def asked(rollback: Rollback) -> EventDraft:
    """The event that a person asked for it."""
    return EventDraft(
        key=f"{rollback.id}#asked",
        type=EventType.WORKFLOW_EVENT,
        name="rollback.asked",
        actor=rollback.asked_by,
        story=rollback.target if rollback.kind is RollbackKind.STORY else None,
        data={"rollback": rollback.number, "kind": rollback.kind.value, "target": rollback.target},
    )
