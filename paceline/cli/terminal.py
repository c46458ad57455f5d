"""Writing to the terminal, and how the parts of a run look there."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import typer
from rich.console import Console

from paceline.domain.events import Event, EventType
from paceline.domain.questions import MEANING, Question
from paceline.domain.states import SUCCESS_STATES, StoryState
from paceline.domain.status import Away, ListedRun, Pause, ProjectStatus, StoryStatus
from paceline.domain.steering import SteerScope

STYLE = {
    StoryState.WORKING: "cyan",
    StoryState.VERIFYING: "cyan",
    StoryState.MERGING: "cyan",
    StoryState.WAITING_FOR_PERSON: "yellow",
    StoryState.PAUSED: "yellow",
    StoryState.MERGED: "green",
    StoryState.SETTLED: "green",
    StoryState.PART_DONE: "green",
    StoryState.FAILED: "red",
    StoryState.BLOCKED: "red",
    StoryState.CANCELLED: "red",
    StoryState.REVERTED: "magenta",
}
_DETAILS = ("report", "reason", "waits_for", "code", "text", "decision", "merge_commit", "path", "state")
_WIDTH = 160
_reader_gone = False
_data_only = False
_SAID_FROM = 4
"""Shorter facts, such as the number of an attempt, are in any text by chance."""
COMMIT_DIGITS = 12
"""So many digits of a commit are enough to name it, and leave room beside them."""


def say(sentence: str) -> None:
    """One sentence on standard output, at once; a run goes on, and can be stopped, where nobody reads it."""
    try:
        typer.echo(sentence, err=_data_only)
        sys.stdout.flush()
    except BrokenPipeError:
        _to_nowhere()


def _to_nowhere() -> None:
    """Drop what is written from now on: every later sentence, and Python's flush at the end, would fail."""
    global _reader_gone
    _reader_gone = True
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@contextmanager
def kept_for_data(wanted: bool) -> Generator[None]:
    """Leave standard output to what a program asked for; sentences go to standard error meanwhile."""
    global _data_only
    before, _data_only = _data_only, wanted
    try:
        yield
    finally:
        _data_only = before


def show_data(text: str) -> None:
    """What a program asked for, on standard output."""
    with kept_for_data(False):
        say(text)


def is_read() -> bool:
    """Whether somebody still reads what this process writes, as far as it has noticed."""
    return not _reader_gone


def complain(sentence: str) -> None:
    """One sentence on standard error; what it quotes of a plan must not steer the terminal."""
    typer.echo(printable(sentence), err=True)


def is_interactive() -> bool:
    """Whether a person sits at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def event_line(event: Event) -> str | None:
    """An event on one line; None for those that a person need not read one by one."""
    if event.type is EventType.AGENT_STATUS_CHANGE or event.name == "attempt.started":
        return None
    if event.type is EventType.ARTIFACT_CREATED and event.data.get("kind") != "bundle":
        return None
    who = f" by {event.actor}" if event.actor not in ("paceline", "") else ""
    story = f" {event.story}" if event.story else ""
    detail = _report(event.data) if event.name == "report.made" else _detail(event.data)
    if event.name.endswith(f".{detail}"):
        detail = ""
    line = f"{event.at.astimezone():%H:%M:%S}{story} {event.name}{who}{f': {detail}' if detail else ''}"
    return _one_line(line)


def _detail(data: dict[str, Any]) -> str:
    for name in _DETAILS:
        value: Any = data.get(name)
        if value:
            text = ", ".join(map(str, cast(list[object], value))) if isinstance(value, list) else str(value)
            return text[:COMMIT_DIGITS] if name == "merge_commit" else text
    return ""


def _report(data: dict[str, Any]) -> str:
    return " ".join(str(data[name]) for name in ("kind", "number") if name in data)


def _one_line(text: str, width: int = _WIDTH) -> str:
    plain = " ".join(printable(text).split())
    return plain if len(plain) <= width else plain[: width - 1] + "…"


def printable(text: str) -> str:
    """The text without control characters: plans and agents must not steer the terminal."""
    return "".join(c for c in text if c in "\n\t" or c.isprintable())


def story_row(story: StoryStatus) -> tuple[str, str, str, str, str, str]:
    """A story as a table's row: id, title, agents, state, attempt, and why it waits."""
    return (
        _one_line(story.id, 24),
        _one_line(story.title, 48),
        _one_line(", ".join(story.agents), 32),
        story.state.value,
        str(story.attempt or ""),
        _one_line(story.reason or (story.merge_commit or "")[:COMMIT_DIGITS], 80),
    )


def run_lines(runs: Sequence[ListedRun]) -> list[str]:
    """Runs as the lines of a table, under their headings."""
    lines = [("run", "state", "started", "title")]
    lines += [
        (run.id, run_word(run), f"{run.started_at.astimezone():%Y-%m-%d %H:%M}", printable(run.title))
        for run in runs
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return [
        "  ".join([*(f"{text:{width}}" for text, width in zip(line, widths, strict=False)), line[3]])
        for line in lines
    ]


def run_word(run: ListedRun) -> str:
    """The state of a run, or that it stands still."""
    return "paused" if run.paused is not None else run.state.value


def absence_line(absence: Away) -> str:
    """Who is away, since when, until when, and what becomes of its stories."""
    since = f"{absence.since.astimezone():%Y-%m-%d %H:%M}"
    until = f" until {absence.until.astimezone():%Y-%m-%d %H:%M}" if absence.until else ""
    why = f": {absence.note}" if absence.note else ""
    stories = "; its stories wait for it" if absence.waits else ""
    line = f"{absence.reason}: agent {absence.agent}, by {absence.actor} since {since}{until}{stories}{why}"
    return _one_line(line, 400)


def pause_line(pause: Pause) -> str:
    """What is paused, since when, by whom and why."""
    within = f" in {pause.sprint}" if pause.scope is SteerScope.EPIC else ""
    name = f"the run {pause.target}" if pause.scope is SteerScope.PROJECT else pause.target
    since = f"{pause.since.astimezone():%Y-%m-%d %H:%M}"
    why = f": {pause.reason}" if pause.reason else ""
    return _one_line(f"paused: {name}{within}, by {pause.actor} since {since}{why}", 400)


def question_text(question: Question) -> str:
    """A question with its facts and what each answer means."""
    about = f", {question.story}" if question.story else ""
    lines = [f"Question {question.id} ({question.kind.value}) of {question.project}{about}"]
    lines += [f"  {line}" for line in printable(question.text).splitlines()]
    for name, value in question.context.items():
        lines += _fact(name, str(value), question.text) if value not in ("", None) else []
    lines += _waiting(question)
    lines += [f"  {decision.value}: {meaning}" for decision, meaning in MEANING[question.kind].items()]
    lines += ["  " + _one_line(f"choose {option.name}: {option.text}", 400) for option in question.options]
    return "\n".join(lines)


def _waiting(question: Question) -> list[str]:
    """What waits for the answer, and who hears of it when there is none."""
    named = [name for name in question.waits_for_it if name != question.story]
    more = question.waiting - len(question.waits_for_it)
    shown, left = named[:_STORIES_SHOWN], max(0, len(named) - _STORIES_SHOWN) + more
    also = f" and {counted(left, 'other')}" if left else ""
    lines = [f"  waits for it: {', '.join(shown)}{also}"] if shown else []
    if question.overdue:
        return [*lines, "  overdue: everybody was told, and it waits on"]
    if question.deadline is not None:
        names = question.escalation[question.escalated :]
        then = f"{names[0]} is told" if names else "it is overdue"
        lines.append(f"  deadline: {question.deadline.astimezone():%Y-%m-%d %H:%M}, then {printable(then)}")
    return lines


_STORIES_SHOWN = 8


def _fact(name: str, value: str, said: str) -> list[str]:
    """A fact of a question on its lines; none where the question says it already."""
    if len(value) > _SAID_FROM and value in said:
        return []
    found = [line for line in printable(value).splitlines() if line.strip()]
    if len(found) == 1:
        return [f"  {name}: {_one_line(found[0])}"]
    return [f"  {name}:", *(f"    {line.rstrip()}" for line in found)] if found else []


def how_to_answer(question: Question) -> str:
    """The command that answers a question."""
    choose = "|choose OPTION..." if question.options else ""
    return f"paceline answer {question.id} approve|amend|reject [TEXT]{choose}"


def wide_console() -> Console:
    """A console as wide as the terminal; where there is none, wide enough to cut nothing off."""
    return _Quiet() if sys.stdout.isatty() else _Quiet(width=_WIDTH)


class _Quiet(Console):
    """A console whose reader may go, as `head` does; colours as NO_COLOR, FORCE_COLOR and TERM want them."""

    def on_broken_pipe(self) -> None:
        """Write no more, and end as if it had been read."""
        _to_nowhere()


def counted(count: int, name: str, several: str | None = None) -> str:
    """`1 story`, `2 stories`."""
    return f"{count} {name if count == 1 else several or f'{name}s'}"


def counts_line(status: ProjectStatus) -> str:
    """How far a run is, in one line."""
    counting = [story for story in status.stories if not story.removed]
    done = sum(story.state in SUCCESS_STATES for story in counting)
    counts = ", ".join(f"{count} {state.value}" for state, count in status.counts.items() if count)
    stories = counted(len(counting), "story", "stories")
    removed = f", {status.removed} removed from the plan" if status.removed else ""
    still = any(pause.scope is SteerScope.PROJECT for pause in status.paused)
    state = "paused" if still else status.run.state.value
    return f"{status.run.id}: {state}, {done} of {stories} ({counts}){removed}"
