"""Reads what an agent left: its work result file, or the event stream of a known command line agent.

A run succeeded when its final event says so and its exit status is 0; unknown events are ignored.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from pydantic import ValidationError

from paceline.agents.supervised import RunExit
from paceline.domain.work import WorkOutcome, WorkResult
from paceline.errors import (
    AgentError,
    AgentExit,
    AgentNonsense,
    AgentTimeout,
    ConfigurationError,
    PacelineError,
)

RESULT_LIMIT = 1_000_000
TAIL_LIMIT = 1500
SUMMARY_LIMIT = 20_000
NEEDS_PERSON = "PACELINE NEEDS PERSON:"
BLOCKED = "PACELINE BLOCKED:"
"""A last line that begins so says what the final event cannot."""


@dataclass(frozen=True)
class Rule:
    """An event counts when each of these dotted paths has this value."""

    wanted: dict[str, Any]

    def fits(self, event: dict[str, Any]) -> bool:
        return all(_at(event, path) == value for path, value in self.wanted.items())


@dataclass(frozen=True)
class Stream:
    """How to read one agent's JSON lines. Paths are dotted; of several, the first that is there counts.

    Args (fields):
        good, bad: events that end well or badly; the last one of either decides.
        said: events with something for people, and where their text is. The last is the summary.
        complaint: where a bad event keeps its reason.
        counted: type of the events whose numbers are added up; others repeat them.
        tokens, cost: where those numbers are.
    """

    good: tuple[Rule, ...]
    bad: tuple[Rule, ...]
    said: tuple[tuple[Rule, str], ...]
    complaint: tuple[str, ...]
    counted: str
    tokens: tuple[str, ...]
    cost: tuple[str, ...] = ()


STREAMS: dict[str, Stream] = {
    "claude": Stream(
        good=(Rule({"type": "result", "is_error": False}),),
        # Seen: a refused connection ends with subtype "success" and is_error true.
        bad=(Rule({"type": "result", "is_error": True}),),
        said=((Rule({"type": "result"}), "result"),),
        complaint=("result", "subtype"),
        counted="result",
        tokens=(
            "usage.input_tokens",
            "usage.output_tokens",
            "usage.cache_creation_input_tokens",
            "usage.cache_read_input_tokens",
        ),
        cost=("total_cost_usd",),
    ),
    "codex": Stream(
        good=(Rule({"type": "turn.completed"}),),
        # An `error` may be a reconnection that works later: a completed turn after it decides.
        bad=(Rule({"type": "turn.failed"}), Rule({"type": "error"})),
        said=((Rule({"type": "item.completed", "item.type": "agent_message"}), "item.text"),),
        complaint=("error.message", "message"),
        counted="turn.completed",
        tokens=("usage.input_tokens", "usage.output_tokens"),
    ),
    "opencode": Stream(
        # Its last `step_finish` is sometimes missing, so any text or finished step counts.
        good=(Rule({"type": "step_finish"}), Rule({"type": "text"})),
        bad=(Rule({"type": "error"}),),
        said=((Rule({"type": "text"}), "part.text"),),
        complaint=("error.data.message", "error.message", "error.name", "message"),
        counted="step_finish",
        tokens=(
            "part.tokens.input",
            "part.tokens.output",
            "part.tokens.reasoning",
            "part.tokens.cache.read",
            "part.tokens.cache.write",
        ),
        cost=("part.cost",),
    ),
}


@dataclass(frozen=True)
class Failure:
    """Why a run has no work result: a stable code and a sentence."""

    code: str
    reason: str


def read_outcome(
    output: str, ended: RunExit, stdout: Path, stderr: Path, result: Path
) -> WorkResult | Failure:
    """The work result of a run that ended, or why there is none.

    Args:
        output: an agent declaration's `output`.
        ended: how the run ended.
        stdout, stderr, result: its files; each may be absent.
    """
    if ended.reason != "exited":
        return _stopped(ended)
    written = read_result(result)
    if output == "result":
        return _from_file(written, ended, stdout, stderr)
    read = (
        _from_text(ended, stdout, stderr) if output == "text" else _from_events(output, ended, stdout, stderr)
    )
    if isinstance(written, WorkResult) and (
        written.outcome is not WorkOutcome.DONE or (written.needs_files and isinstance(read, WorkResult))
    ):
        # An agent with a stream may still write a result, to say that it needs a person or more files.
        spent = read if isinstance(read, WorkResult) else written
        return written.model_copy(update={"tokens": spent.tokens, "cost_usd": spent.cost_usd})
    return read


def read_result(path: Path) -> WorkResult | Failure | None:
    """A work result file; None where there is none. It is the agent's: any size, kind or content."""
    try:
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode):
            return _nonsense(f"its work result {path} is not a regular file")
        if facts.st_size > RESULT_LIMIT:
            return _nonsense(f"its work result has {facts.st_size} bytes, the limit is {RESULT_LIMIT}")
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return WorkResult.model_validate_json(file.read(RESULT_LIMIT + 1))
    except FileNotFoundError:
        return None
    except OSError as problem:
        return _nonsense(f"its work result cannot be read: {problem}")
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the text"
        return _nonsense(f"its work result is not what the contract says: {where}: {first['msg']}")


def tail(path: Path, limit: int = TAIL_LIMIT) -> str:
    """The last characters of a log; empty where there is none."""
    try:
        with _open_regular(path) as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - limit * 4))
            return file.read().decode("utf-8", "replace").strip()[-limit:]
    except FileNotFoundError:
        return ""


def events(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a log with one a line; other lines are passed over."""
    try:
        with _open_regular(path) as file:
            for line in file:
                try:
                    event = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(event, dict):
                    yield cast("dict[str, Any]", event)
    except FileNotFoundError:
        return


def _open_regular(path: Path) -> BinaryIO:
    """Open a file that an agent could have replaced: reading a pipe would wait for a writer for ever.

    Raises:
        FileNotFoundError: it is gone, or no regular file.
    """
    if not path.is_file() or path.is_symlink():
        raise FileNotFoundError(path)
    return open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


def _from_file(
    written: WorkResult | Failure | None, ended: RunExit, stdout: Path, stderr: Path
) -> WorkResult | Failure:
    if isinstance(written, WorkResult) and (ended.exit_code == 0 or written.outcome is not WorkOutcome.DONE):
        return written
    if ended.exit_code != 0:
        return _exit_failure(ended, tail(stderr) or tail(stdout))
    return written if isinstance(written, Failure) else _nonsense("it ended with status 0 and no work result")


def _from_text(ended: RunExit, stdout: Path, stderr: Path) -> WorkResult | Failure:
    said = tail(stdout, 4000)
    return _exit_failure(ended, tail(stderr) or said) if ended.exit_code else _said(said, None, None)


def _from_events(output: str, ended: RunExit, stdout: Path, stderr: Path) -> WorkResult | Failure:
    read = _Reading(STREAMS[output])
    for event in events(stdout):
        read.take(event)
    if ended.exit_code != 0 or read.bad:
        return _exit_failure(ended, read.complaint() or tail(stderr) or tail(stdout))
    if read.ending is None:
        return _nonsense(f"its output has no final event of {output}")
    return _said(read.summary, None if read.tokens is None else int(read.tokens), read.cost)


class _Reading:
    """What a stream's events have said so far."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.ending: dict[str, Any] | None = None
        self.bad = False
        self.summary = ""
        self.tokens: float | None = None
        self.cost: float | None = None

    def take(self, event: dict[str, Any]) -> None:
        good = any(rule.fits(event) for rule in self.stream.good)
        bad = any(rule.fits(event) for rule in self.stream.bad)
        if good or bad:
            self.ending, self.bad = event, bad
        for rule, path in self.stream.said:
            if rule.fits(event) and isinstance(text := _at(event, path), str):
                self.summary = text
        if event.get("type") == self.stream.counted:
            self.tokens = _added(self.tokens, event, self.stream.tokens)
            self.cost = _added(self.cost, event, self.stream.cost)

    def complaint(self) -> str:
        if not self.bad or self.ending is None:
            return ""
        found = (_at(self.ending, path) for path in self.stream.complaint)
        return next((str(text) for text in found if text), "")


def _said(text: str, tokens: int | None, cost: float | None) -> WorkResult:
    """A result from an agent's last words."""
    text = text.strip()
    last = text.rsplit("\n", 1)[-1].strip().strip("*`_ ")
    outcome, question = WorkOutcome.DONE, None
    for mark, meaning in ((NEEDS_PERSON, WorkOutcome.NEEDS_PERSON), (BLOCKED, WorkOutcome.BLOCKED)):
        if last.startswith(mark):
            outcome, question = meaning, last.removeprefix(mark).strip()
    summary = text[-SUMMARY_LIMIT:]
    return WorkResult(
        outcome=outcome,
        summary=summary,
        question=question and question[:SUMMARY_LIMIT],
        tokens=tokens,
        cost_usd=cost,
    )


def _stopped(ended: RunExit) -> Failure:
    after = f"after {ended.seconds:.0f} s"
    table: dict[str, tuple[type[PacelineError], str]] = {
        "timeout": (AgentTimeout, f"The agent ran longer than its limit and was stopped {after}."),
        "idle": (AgentTimeout, f"The agent wrote nothing for its idle limit and was stopped {after}."),
        "cancelled": (AgentError, f"The agent was stopped on request {after}."),
        "orphaned": (AgentError, f"The agent was stopped {after}: its worker died and no other took over."),
        "start_failed": (
            ConfigurationError,
            f"The agent's command does not start: {ended.error}; install it, or correct its `command`.",
        ),
        "lost": (AgentError, "The agent's supervisor was killed, so what it did is not known."),
    }
    kind, sentence = table[ended.reason]
    return Failure(kind.code, sentence[:TAIL_LIMIT])


def _exit_failure(ended: RunExit, said: str) -> Failure:
    code = ended.exit_code
    how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with status {code}"
    return Failure(AgentExit.code, f"The agent {how}: {said[-TAIL_LIMIT:] or 'it said nothing'}")


def _nonsense(what: str) -> Failure:
    return Failure(AgentNonsense.code, f"The agent cannot be understood: {what}."[:TAIL_LIMIT])


def _at(event: dict[str, Any], path: str) -> Any:
    """The value at a dotted path; None where there is none."""
    found: Any = event
    for key in path.split("."):
        if not isinstance(found, dict):
            return None
        found = cast("dict[str, Any]", found).get(key)
    return found


def _added(before: float | None, event: dict[str, Any], paths: tuple[str, ...]) -> float | None:
    found = [_at(event, path) for path in paths]
    numbers = [n for n in found if isinstance(n, int | float) and not isinstance(n, bool) and 0 <= n < 1e15]
    return sum(numbers, before or 0) if numbers else before
