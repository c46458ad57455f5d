"""Asking a person at the terminal, in a way that stops when somebody else answers first."""

from __future__ import annotations

import asyncio
import os
import sys

from paceline.cli.terminal import question_text, say
from paceline.domain.questions import Answer, Decision, Question

_SHORT = {
    "a": Decision.APPROVE,
    "y": Decision.APPROVE,
    "yes": Decision.APPROVE,
    "m": Decision.AMEND,
    "r": Decision.REJECT,
    "n": Decision.REJECT,
    "no": Decision.REJECT,
}
PROMPT = "approve | amend TEXT | reject [TEXT] | later: "


class InputEnded(Exception):
    """Nobody types any more."""


def parse_answer(line: str) -> tuple[Decision, str] | None:
    """A typed answer: a decision or its first letter, and its text; None where it is neither."""
    word, _, text = line.strip().partition(" ")
    word = word.lower().rstrip(",:")
    if word in _SHORT:
        return _SHORT[word], text.strip()
    if word in list(Decision):
        return Decision(word), text.strip()
    return None


async def ask(question: Question, actor: str) -> Answer | None:
    """Show a question and read the answer; None where the person puts it off.

    Raises:
        InputEnded: standard input was closed.
    """
    say("\n" + question_text(question))
    while True:
        sys.stdout.write(PROMPT)
        sys.stdout.flush()
        line = await read_line()
        if line.strip().lower() in ("later", "l", "s", "skip"):
            return None
        parsed = parse_answer(line)
        if parsed is None:
            say("Type approve, amend with a text, reject, or later.")
        elif parsed[0] is Decision.AMEND and not parsed[1]:
            say("An amendment needs its text: amend and then what to do differently.")
        else:
            return Answer(question=question.id, decision=parsed[0], text=parsed[1], actor=actor)


async def read_line() -> str:
    """One line of standard input, which must be a terminal; cancelling it leaves the line unread.

    Raises:
        InputEnded: there is no more.
    """
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
    # A terminal gives one line at a time; Python's own buffer would hide a second one from the selector.
    line = os.read(descriptor, 65_536)
    if not line:
        raise InputEnded
    return line.decode(errors="replace")
