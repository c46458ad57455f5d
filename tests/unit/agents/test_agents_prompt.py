from __future__ import annotations

from paceline.agents.human import question_text
from paceline.agents.prompt import render_prompt
from paceline.domain.work import Criterion, Delivered, EarlierAttempt, ReviewRequest, WorkOrder

ORDER = WorkOrder(
    project="p",
    goal="Ship it",
    story="2.1",
    title="Add\nsignalling",
    epic="Core",
    agent="API Developer",
    agents=["API Developer", "QA Engineer"],
    attempt=2,
    description="Peers must find each other.",
    tasks=["Write the server", "Write the client"],
    acceptance_criteria=["Two peers connect"],
    checks=["pytest -q tests/test_signal.py"],
    claimed=["src/signal.py", "tests/**"],
    delivered=[Delivered(story="1.1", title="Sockets", summary="A socket class")],
    earlier_attempts=[
        EarlierAttempt(attempt=1, reason_code="CHECK", reason="1 failed", preserved_ref="refs/paceline/x")
    ],
    amendments=["Use port 8080.\n\n  * and *no* TLS <yet>"],
    worktree="/w",
)


def test_the_prompt_says_everything_an_agent_needs() -> None:
    text = render_prompt(ORDER)
    assert text.startswith("# Story 2.1: Add signalling\n")
    for needed in (
        "You are API Developer",
        "attempt 2",
        "API Developer, QA Engineer together",
        "Ship it",
        "Peers must find each other.",
        "1. Write the server\n2. Write the client",
        "- Two peers connect",
        "```\npytest -q tests/test_signal.py\n```",
        "- `src/signal.py`\n- `tests/**`",
        "any other path is refused",
        "Use port 8080.\n\n  * and *no* TLS <yet>",
        "Attempt 1 (CHECK): 1 failed Its work is at `refs/paceline/x`.",
        "1.1 (Sockets): A socket class",
        "`/w`",
        "PACELINE NEEDS PERSON:",
    ):
        assert needed in text, needed


def test_an_agent_is_told_where_it_may_change_nothing() -> None:
    told = "change nothing, and say how you know"
    assert told in render_prompt(ORDER.model_copy(update={"change": "optional"}))
    assert told not in render_prompt(ORDER)
    assert told not in render_prompt(ORDER.model_copy(update={"change": "required"}))
    assert "change" not in ORDER.model_dump(), "an order without the word is as it was"


def test_a_reviewer_of_no_change_is_not_sent_to_an_empty_diff() -> None:
    asked = ReviewRequest(base="abc", commit="abc", criteria=[Criterion(number=1, text="It rises")])
    text = render_prompt(ORDER.model_copy(update={"review": asked}))
    assert "they found that nothing had to be changed." in text
    assert "git diff" not in text
    other = asked.model_copy(update={"base": "def"})
    assert "`git diff def abc`" in render_prompt(ORDER.model_copy(update={"review": other}))


def test_what_there_is_not_has_no_heading() -> None:
    bare = WorkOrder(project="p", story="1", title="t", agent="A", agents=["A"], attempt=1)
    text = render_prompt(bare)
    assert [line for line in text.split("\n") if line.startswith("#")] == [
        "# Story 1: t",
        "## Paths",
        "## Rules",
    ]
    assert "change no files" in text
    assert "None" not in text
    assert "\n\n\n" not in text


def test_a_person_is_asked_with_the_storys_own_words_and_what_answers_mean() -> None:
    text = question_text(ORDER)
    for needed in ("2.1: Add signalling", "1. Write the server", "- Two peers connect", "1.1 (Sockets)"):
        assert needed in text
    assert text.endswith("reject to give it up.")
    long = question_text(ORDER.model_copy(update={"description": "x" * 50_000}))
    assert len(long) <= 20_000
    assert long.endswith("reject to give it up.")
