"""Small values that the store's tests share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from paceline.domain.claims import ClaimRequest, Need
from paceline.domain.events import EventDraft, EventType
from paceline.domain.plan import Plan, Source
from paceline.domain.questions import Answer, Decision, Question, QuestionKind
from paceline.domain.status import Artifact, Run, RunOptions, StoryStatus

MOMENT = datetime(2026, 11, 21, 12, 30, 15, 123456, tzinfo=UTC)


def request(claim: str, *resources: str, capacity: int = 1, **fields: Any) -> ClaimRequest:
    """A claim whose holder is `<claim>-workflow`."""
    needs = [Need(resource=resource, capacity=capacity) for resource in resources]
    known = {"scope": "repo", "holder": f"{claim}-workflow", "project": "p"}
    return ClaimRequest.model_validate({"claim": claim, "needs": needs, **known, **fields})


def draft(key: str, **data: Any) -> EventDraft:
    """An event without a number."""
    return EventDraft(key=key, type=EventType.WORKFLOW_EVENT, name="story.merged", story="1.1", data=data)


def a_plan(title: str = "Plan") -> Plan:
    """The smallest plan."""
    return Plan(title=title, source=Source(file="p.md", kind="test", lines=1, digest="0" * 64))


def a_run(project: str = "p", **fields: Any) -> Run:
    """A run under way."""
    known: dict[str, Any] = {
        "title": "P",
        "plan_digest": "0" * 64,
        "options": RunOptions(),
        "started_at": MOMENT,
    }
    return Run(id=project, **{**known, **fields})


def a_story(story: str, **fields: Any) -> StoryStatus:
    """A story that has not begun."""
    return StoryStatus(id=story, title=f"Story {story}", sprint="1", **fields)


def a_question(question: str, **fields: Any) -> Question:
    """An approval that is asked."""
    known: dict[str, Any] = {"project": "p", "workflow_id": "p/1/e/s", "text": "Merge?", "asked_at": MOMENT}
    return Question(id=question, kind=QuestionKind.APPROVE_MERGE, **{**known, **fields})


def an_answer(question: str, decision: Decision = Decision.APPROVE, actor: str = "ada") -> Answer:
    """A person's answer."""
    return Answer(question=question, decision=decision, text="so be it", actor=actor)


def an_artifact(artifact: str, **fields: Any) -> Artifact:
    """A log."""
    known: dict[str, Any] = {
        "project": "p",
        "kind": "log",
        "path": f"{artifact}.log",
        "bytes": 3,
        "created_at": MOMENT,
    }
    return Artifact(id=artifact, sha256="1" * 64, **{**known, **fields})
