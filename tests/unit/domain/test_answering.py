"""Which answers fit which question, and what an agent is told of them."""

from __future__ import annotations

import pytest

from paceline.domain.answering import misfit, words_of
from paceline.domain.questions import Answer, Decision, Option

OPTIONS = [Option(name="1", text="Use  the old format"), Option(name="Story 1.2", text="Leave it out")]


def said(decision: Decision, text: str = "", *chosen: str) -> Answer:
    """An answer to question `q`."""
    return Answer(question="q", decision=decision, text=text, chosen=list(chosen))


@pytest.mark.parametrize("options", [[], OPTIONS])
@pytest.mark.parametrize(
    ("decision", "text"), [(Decision.APPROVE, ""), (Decision.REJECT, "no"), (Decision.AMEND, "so")]
)
def test_the_three_decisions_fit_every_question(decision: Decision, text: str, options: list[Option]) -> None:
    assert misfit(said(decision, text), options) is None


@pytest.mark.parametrize("chosen", [["1"], ["Story 1.2", "1"], ["1", "1"]])
def test_one_or_several_options_are_chosen(chosen: list[str]) -> None:
    assert misfit(said(Decision.CHOOSE, "", *chosen), OPTIONS) is None


@pytest.mark.parametrize(
    ("answer", "options", "why"),
    [
        (said(Decision.AMEND, " \n"), OPTIONS, "give the text"),
        (said(Decision.CHOOSE, "", "1"), [], "nothing to choose from: answer approve"),
        (said(Decision.CHOOSE), OPTIONS, "name one or more of 1, Story 1.2"),
        (said(Decision.CHOOSE, "", "1", "3"), OPTIONS, "no option 3: name one or more of 1, Story 1.2"),
        (said(Decision.APPROVE, "", "1"), OPTIONS, "only `choose` takes"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(
    answer: Answer, options: list[Option], why: str
) -> None:
    assert why in (misfit(answer, options) or "")


def test_a_long_list_of_options_is_cut() -> None:
    many = [Option(name=str(number)) for number in range(100)]
    assert (misfit(said(Decision.CHOOSE), many) or "").endswith("18, 19 and 80 more.")


def test_what_was_chosen_is_told_word_for_word() -> None:
    answer = said(Decision.CHOOSE, "but keep\nthe blanks", "Story 1.2", "1", "1")
    assert words_of(answer, OPTIONS) == "Leave it out\nUse  the old format\nbut keep\nthe blanks"
    assert words_of(said(Decision.APPROVE)) == ""
