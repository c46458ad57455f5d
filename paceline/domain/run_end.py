"""Why a run ended otherwise than completed by itself, in a sentence that people are shown."""

from __future__ import annotations

from collections.abc import Iterable

from paceline.domain.questions import Question, QuestionKind
from paceline.domain.texts import short

ENDING_KINDS = frozenset(
    {QuestionKind.CONFIRM_READING, QuestionKind.CONFIRM_DONE, QuestionKind.APPROVE_SPRINT}
)
"""Kinds of questions whose rejection always ends a run; that of its start does where it is of the run."""
REASON_CHARACTERS = 1000
_NAMED = 10
_LACKING = {
    "stories": "these did not succeed",
    "required": "these are required and did not succeed",
    "no_open_questions": "these questions are open",
    "definition_of_done": "nobody said that the definition of done holds for",
    "metrics": "these are missed or unknown",
}


def why_refused(question: Question, sprint: str) -> str:
    """Who said no to what, in the person's own words.

    Args:
        question: with its answer.
        sprint: the one that was asked about; empty: the whole run.
    """
    answer = question.answer
    who, words = (answer.actor, answer.text) if answer else ("a person", "")
    did = {
        QuestionKind.CONFIRM_READING: "said that the plan is meant otherwise",
        QuestionKind.CONFIRM_DONE: f"said that {sprint or 'the sprint'} is not done",
        QuestionKind.APPROVE_SPRINT: f"did not accept {sprint or 'the sprint'}",
    }.get(question.kind, "did not let the run begin")
    return _said(f"{who} {did}", words)


def why_forced(who: str, words: str) -> str:
    """Who said that the run is complete as it is."""
    return _said(f"{who} said that it is complete", words)


def why_cancelled(who: str, words: str) -> str:
    """Who cancelled the run."""
    return _said(f"{who} cancelled it", words)


def why_lacking(criteria: Iterable[tuple[str, list[str]]]) -> str:
    """Which criteria a run ended without.

    Args:
        criteria: names and what each lacks; one that lacks nothing is met.
    """
    told: list[str] = []
    for name, missing in criteria:
        if missing:
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            told.append(f"{_LACKING.get(name, name)}: {', '.join(missing[:_NAMED])}{more}")
    return short("; ".join(told), REASON_CHARACTERS)


def _said(what: str, words: str) -> str:
    return short(f"{what}: {words}" if words.strip() else what, REASON_CHARACTERS)
