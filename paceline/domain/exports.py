"""Tables of a run for spreadsheets: rows of plain cells as CSV that no program takes for formulas."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from paceline.domain.events import Event
from paceline.domain.questions import Question
from paceline.domain.states import FINAL_STATES
from paceline.domain.status import StoryStatus
from paceline.domain.usage import StoryTime

Cell = str | int | float | None
_FORMULA = frozenset("=+-@")
"""First characters that spreadsheets read as a formula (OWASP, CSV injection), also in other widths."""
_HIDING = ("\t", "\r", "\n")
"""Those that hide one from other programs."""


class ExportTable(StrEnum):
    """What can be exported of a run."""

    STORIES = "stories"
    ATTEMPTS = "attempts"
    """One row an attempt: who, when, how long, and what it came to."""
    EVENTS = "events"
    QUESTIONS = "questions"
    TIME = "time"
    """One row a story: when it began and ended, and what of that was work and what was waiting for people."""
    COST = "cost"
    """One row a run of an agent: how long it took, its tokens, and what they cost."""


COLUMNS: dict[ExportTable, tuple[str, ...]] = {
    ExportTable.STORIES: (
        *("id", "title", "sprint", "epic", "agents", "state", "points", "attempts", "dependencies"),
        *("reason_code", "reason", "merge_commit", "updated_at"),
    ),
    ExportTable.ATTEMPTS: (
        *("story", "attempt", "agents", "started_at", "ended_at", "seconds", "result", "reason"),
    ),
    ExportTable.EVENTS: ("number", "at", "type", "name", "actor", "story", "data"),
    ExportTable.QUESTIONS: (
        *("id", "kind", "story", "text", "asked_at", "state", "decision", "answer", "chosen", "actor"),
        *("answered_at", "seconds_to_answer"),
    ),
    ExportTable.TIME: (
        *("story", "sprint", "epic", "points", "state", "started_at", "ended_at", "elapsed_seconds"),
        *("working_seconds", "agent_seconds", "waiting_for_people_seconds"),
    ),
    ExportTable.COST: (
        *("number", "at", "story", "attempt", "agent", "run", "outcome", "seconds", "tokens", "cost_usd"),
    ),
}
ATTEMPT_EVENTS = (
    "attempt.started",
    "attempt.ended",
    *(f"story.{state.value}" for state in sorted(FINAL_STATES)),
)
"""The events that an `AttemptTable` reads."""


def csv_text(rows: Iterable[Sequence[Cell]]) -> str:
    """Rows as CSV (RFC 4180); a text that a spreadsheet would run as a formula gets an apostrophe in front.

    Args:
        rows: of cells; None is an empty one.
    """
    text = io.StringIO()
    csv.writer(text).writerows([_safe(cell) for cell in row] for row in rows)
    return text.getvalue()


def story_row(story: StoryStatus) -> tuple[Cell, ...]:
    """A row of `stories`."""
    return (
        *(story.id, story.title, story.sprint, story.epic, "; ".join(story.agents), story.state.value),
        *(story.points, story.attempt, "; ".join(story.dependencies), story.reason_code, story.reason),
        *(story.merge_commit, _moment(story.updated_at)),
    )


def event_row(event: Event) -> tuple[Cell, ...]:
    """A row of `events`; `data` is JSON."""
    data = json.dumps(event.data, ensure_ascii=False, sort_keys=True)
    return (event.number, _moment(event.at), event.type.value, event.name, event.actor, event.story, data)


def question_row(question: Question) -> tuple[Cell, ...]:
    """A row of `questions`."""
    answer, answered = question.answer, question.answered_at
    taken = round((answered - question.asked_at).total_seconds(), 3) if answered is not None else None
    return (
        *(question.id, question.kind.value, question.story, question.text, _moment(question.asked_at)),
        question.state,
        *(
            (answer.decision.value, answer.text, "; ".join(answer.chosen), answer.actor)
            if answer
            else [None] * 4
        ),
        *(_moment(answered), taken),
    )


def time_row(story: StoryStatus, time: StoryTime, waiting: float) -> tuple[Cell, ...]:
    """A row of `time`.

    Args:
        story: where it stands.
        time: its time.
        waiting: how long its questions were open, in seconds, added up.
    """
    elapsed = time.elapsed
    return (
        *(story.id, story.sprint, story.epic, story.points, story.state.value),
        *(_moment(time.started_at), _moment(time.ended_at)),
        round(elapsed, 3) if elapsed is not None else None,
        *(round(time.working, 3), round(time.agents, 3), round(waiting, 3)),
    )


def cost_row(event: Event) -> tuple[Cell, ...]:
    """A row of `cost`, from an event of an agent's run; what its agent did not say is empty."""
    data = event.data
    return (
        *(event.number, _moment(event.at), event.story, data["attempt"], data["agent"], data["run"]),
        *(data["outcome"], data["seconds"], data["tokens"], data["cost_usd"]),
    )


class AttemptTable:
    """The rows of `attempts`, from the events of `ATTEMPT_EVENTS` as they are read, in order."""

    def __init__(self) -> None:
        self._under_way: dict[str, Event] = {}

    def read(self, events: Iterable[Event]) -> list[tuple[Cell, ...]]:
        """The rows of the attempts that these events end."""
        rows: list[tuple[Cell, ...]] = []
        for event in events:
            story = event.story or ""
            if event.name == "attempt.started":
                self._under_way[story] = event
            elif story in self._under_way:
                rows.append(_attempt(self._under_way.pop(story), event))
        return rows

    def rest(self) -> list[tuple[Cell, ...]]:
        """The rows of those that go on, after the last event."""
        return [_attempt(begun, None) for begun in self._under_way.values()]


def _attempt(begun: Event, end: Event | None) -> tuple[Cell, ...]:
    agents = [str(each) for each in begun.data.get("agents") or [begun.data.get("agent") or ""]]
    result = "under way"
    if end is not None:
        result = (
            str(end.data.get("code") or "") if end.name == "attempt.ended" else end.name.partition(".")[2]
        )
    return (
        *(begun.story, int(begun.data.get("attempt") or 0), "; ".join(agents), _moment(begun.at)),
        _moment(end.at if end is not None else None),
        round((end.at - begun.at).total_seconds(), 3) if end is not None else None,
        *(result, str(end.data.get("reason") or "") if end is not None else ""),
    )


def _safe(cell: Cell) -> Cell:
    if not isinstance(cell, str) or cell[:1].isalnum():
        return cell
    return f"'{cell}" if cell.startswith(_HIDING) or _is_formula(cell) else cell


def _is_formula(text: str) -> bool:
    """Whether a program that leaves blanks and what cannot be seen away reads it as a formula."""
    first = next((each for each in text if each.isprintable() and not each.isspace()), "")
    return unicodedata.normalize("NFKC", first)[:1] in _FORMULA


def _moment(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds") if at is not None else None
