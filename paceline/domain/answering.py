"""Whether an answer fits its question: one rule for the workflow, the API and the command line."""

from __future__ import annotations

from collections.abc import Sequence

from paceline.domain.questions import Answer, Decision, Option

_SHOWN = 20


def misfit(answer: Answer, options: Sequence[Option] = ()) -> str | None:
    """Why an answer is not one to this question, and what would be; None where it is.

    Args:
        answer: by a person.
        options: of the question; empty where there is nothing to choose.
    """
    question, named = answer.question, [option.name for option in options]
    if answer.decision is Decision.AMEND and not answer.text.strip():
        return f"The answer to {question} amends nothing: give the text of the amendment."
    if answer.decision is not Decision.CHOOSE:
        if answer.chosen:
            return f"The answer to {question} names options, which only `choose` takes: leave them out."
        return None
    if not options:
        return (
            f"Question {question} has nothing to choose from: answer approve, amend with a text, or reject."
        )
    if not answer.chosen:
        return f"The answer to {question} chooses nothing: name one or more of {_listed(named)}."
    unknown = [name for name in answer.chosen if name not in named]
    if unknown:
        return f"Question {question} has no option {_listed(unknown)}: name one or more of {_listed(named)}."
    return None


def words_of(answer: Answer, options: Sequence[Option] = ()) -> str:
    """What an agent is told of an answer, word for word: the options that were chosen, then the text."""
    texts = {option.name: option.text or option.name for option in options}
    chosen = [texts.get(name, name) for name in dict.fromkeys(answer.chosen)]
    return "\n".join([*chosen, *([answer.text] if answer.text else [])])


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
