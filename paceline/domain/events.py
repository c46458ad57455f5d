"""Numbered events of a project: what happened, in commit order, with no gaps."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from paceline.domain.model import Model


class EventType(StrEnum):
    """The types that a client can rely on."""

    AGENT_STATUS_CHANGE = "AGENT_STATUS_CHANGE"
    ARTIFACT_CREATED = "ARTIFACT_CREATED"
    HITL_REQUEST = "HITL_REQUEST"
    HITL_RESPONSE = "HITL_RESPONSE"
    WORKFLOW_EVENT = "WORKFLOW_EVENT"


class EventDraft(Model):
    """An event before it has a number.

    `key` makes it idempotent within its project: a second draft with the same key is the same event.
    `name` says what happened in the product's words, such as `story.merged` or `claim.granted`.
    """

    key: str
    type: EventType
    name: str
    actor: str = "paceline"
    story: str | None = None
    data: dict[str, Any] = Field(default_factory=dict[str, Any])


class Event(EventDraft):
    """An event as stored; `number` starts at 1 and has no gaps within a project."""

    project: str
    number: int
    at: datetime
