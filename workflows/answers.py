"""How a workflow hears people: one validated Update, and the same as a Signal for Temporal's own UI."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from paceline.domain.asking import OpenQuestion
    from paceline.domain.questions import Answer, AnswerReceipt, Decision


ANSWERS_KEPT = 1000
"""Answers by signal beyond so many are dropped; they can only be to questions that are not asked."""


def says_nothing(answer: Answer) -> bool:
    """Whether it is an amendment without a text, which would only repeat what was done."""
    return answer.decision is Decision.AMEND and not answer.text.strip()


class Answerable:
    """Keeps the open question of one workflow and the answers it has taken; the first answer wins."""

    def __init__(self) -> None:
        self._open_question: str | None = None
        self._answers: dict[str, Answer] = {}
        self._asking: OpenQuestion | None = None

    async def _await_answer(self, question: str) -> Answer:
        """Wait, for weeks if need be; holds no thread and no slot."""
        self._open_question = question
        if question not in self._answers:
            await workflow.wait_condition(
                lambda: question in self._answers, timeout_summary=f"answer to {question}"
            )
        self._open_question = None
        return self._answers[question]

    @workflow.update(name="answer")
    def answer(self, answer: Answer) -> AnswerReceipt:
        """Take an answer; for a question that has one, say whose it is."""
        first = self._answers.get(answer.question)
        if first is None:
            self._answers[answer.question] = first = answer
        return AnswerReceipt(
            question=answer.question,
            accepted=first == answer,
            decision=first.decision,
            actor=first.actor,
        )

    @answer.validator
    def _check_answer(self, answer: Answer) -> None:
        if says_nothing(answer):
            raise ApplicationError(
                f"The answer to {answer.question} amends nothing: give the text of the amendment.",
                type="REFUSED",
                non_retryable=True,
            )
        if answer.question in self._answers or answer.question == self._open_question:
            return
        now = f"It asks {self._open_question} now." if self._open_question else "It asks nothing now."
        raise ApplicationError(
            f"Workflow {workflow.info().workflow_id} has no question {answer.question}. {now}",
            type="NOT_FOUND",
            non_retryable=True,
        )

    @workflow.query(name="question")
    def question(self) -> OpenQuestion | None:
        """What it waits with until the answer is recorded; a restored database may not know of it."""
        return self._asking

    @workflow.signal(name="answer")
    def answer_by_signal(self, answer: Answer) -> None:
        """The same by signal; the first answer wins, an empty amendment and an answer to a
        question never asked change nothing.

        An answer may come before this workflow knows that its question is open: the question is stored by an
        activity, and a worker that dies right after leaves it for people to see and answer. It is kept.
        """
        if not says_nothing(answer) and len(self._answers) < ANSWERS_KEPT:
            self._answers.setdefault(answer.question, answer)
