"""How long a question waits before somebody is reminded of it, and who is told when nobody answers.

Every step counts from the moment at which the one before it was really made. A machine that was switched off
over several of them makes one when it is back, and whoever is told then has all the time that the rules give.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field, field_validator

from paceline.domain.model import Model
from paceline.domain.questions import QuestionKind
from paceline.domain.spans import seconds_of

LONGEST_PAUSE = 30 * 86_400.0
"""Seconds between two reminders at most."""
_LONGEST = 3660 * 86_400.0


class Watch(Model):
    """What happens to one question while nobody answers. Durations are seconds."""

    remind_after: float | None = None
    deadline: float | None = None
    escalation: list[str] = Field(default_factory=list[str])


class WaitingRule(Model):
    """What happens while nobody answers; a field that is left out is as for all kinds."""

    remind_after: float | None = Field(default=None, gt=0, le=_LONGEST, allow_inf_nan=False)
    """Seconds until the first reminder, also as `30s`, `10m`, `4h` or `2d`; each next one
    takes twice as long, up to 30 days."""
    deadline: float | None = Field(default=None, gt=0, le=_LONGEST, allow_inf_nan=False)
    """Seconds until the next in `escalation` is told, written in the same way."""
    escalation: list[str] | None = Field(default=None, max_length=20)
    """Who is told, one after the other, each after another deadline."""

    @field_validator("remind_after", "deadline", mode="before")
    @classmethod
    def _with_unit(cls, given: object) -> object:
        return seconds_of(given) if isinstance(given, str) else given


class QuestionOptions(WaitingRule):
    """For every kind, and for single kinds otherwise."""

    kinds: dict[QuestionKind, WaitingRule] = Field(default_factory=dict[QuestionKind, WaitingRule])

    def watch(self, kind: QuestionKind) -> Watch | None:
        """What happens to a question of this kind; None where it just waits."""
        own = self.kinds.get(kind, WaitingRule())
        found = Watch(
            remind_after=own.remind_after if own.remind_after is not None else self.remind_after,
            deadline=own.deadline if own.deadline is not None else self.deadline,
            escalation=(own.escalation if own.escalation is not None else self.escalation) or [],
        )
        return found if found.remind_after or found.deadline else None


class Pressing(StrEnum):
    """What is done about a question that nobody answers."""

    REMIND = "remind"
    ESCALATE = "escalate"
    OVERDUE = "overdue"


@dataclass(frozen=True)
class Patience:
    """How far the waiting for one answer has come."""

    watch: Watch
    remind_at: datetime | None
    deadline: datetime | None
    pause: float = 0.0
    """Seconds before the next reminder."""
    reminders: int = 0
    escalated: int = 0
    overdue: bool = False

    @classmethod
    def begun(cls, watch: Watch, now: datetime) -> Patience:
        """Just asked."""
        first = watch.remind_after
        return cls(watch, _after(now, first), _after(now, watch.deadline), pause=first or 0.0)

    def next_at(self) -> datetime | None:
        """When something is to be done; None: nothing any more."""
        return min((at for at in (self.remind_at, self.deadline) if at is not None), default=None)

    def step(self, now: datetime) -> tuple[Patience, Pressing]:
        """What is to be done now, one thing however much was missed, and what follows it.

        Args:
            now: at or after `next_at`.
        """
        if self.deadline is None or now < self.deadline:
            pause = max(self.pause, min(2 * self.pause, LONGEST_PAUSE))
            told = replace(self, reminders=self.reminders + 1, pause=pause)
            return replace(told, remind_at=_after(now, pause)), Pressing.REMIND
        first = self.watch.remind_after
        fresh = replace(self, remind_at=_after(now, first), pause=first or 0.0)
        if self.escalated < len(self.watch.escalation):
            told = replace(fresh, escalated=self.escalated + 1, deadline=_after(now, self.watch.deadline))
            return told, Pressing.ESCALATE
        return replace(fresh, overdue=True, deadline=None), Pressing.OVERDUE


def _after(moment: datetime, seconds: float | None) -> datetime | None:
    return None if seconds is None else moment + timedelta(seconds=seconds)
