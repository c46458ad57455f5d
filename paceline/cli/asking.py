"""Asking a person at the terminal, in a way that stops when somebody else answers first."""

from __future__ import annotations

import asyncio
import os
import sys

from paceline.cli.terminal import question_text, say
from paceline.domain.answering import misfit
from paceline.domain.questions import Answer, Decision, Question

_SHORT = {
    "a": Decision.APPROVE,
    "y": Decision.APPROVE,
    "yes": Decision.APPROVE,
    "m": Decision.AMEND,
    "r": Decision.REJECT,
    "n": Decision.REJECT,
    "no": Decision.REJECT,
    "c": Decision.CHOOSE,
}
PROMPT = "approve | amend TEXT | reject [TEXT] | later: "
CHOICE = "choose OPTION[, OPTION] | "


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
        sys.stdout.write(CHOICE * bool(question.options) + PROMPT)
        sys.stdout.flush()
        line = await read_line()
        if line.strip().lower() in ("later", "l", "s", "skip"):
            return None
        parsed = parse_answer(line)
        if parsed is None:
            say("Type approve, amend with a text, reject, or later.")
            continue
        answer = typed(question.id, *parsed, actor)
        refusal = misfit(answer, question.options)
        if refusal is None:
            return answer
        say(refusal)


def typed(question: str, decision: Decision, words: str, actor: str) -> Answer:
    """An answer from one line: with `choose`, options between commas, and otherwise a text."""
    if decision is not Decision.CHOOSE:
        return Answer(question=question, decision=decision, text=words, actor=actor)
    chosen = [name.strip() for name in words.split(",") if name.strip()]
    return Answer(question=question, decision=decision, chosen=chosen, actor=actor)


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
