"""How a workflow hears people: one validated Update, and the same as a Signal for Temporal's own UI."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.policies import ALWAYS, SHORT

with workflow.unsafe.imports_passed_through():
    from activities.people import PeopleActivities
    from paceline.domain.answering import misfit
    from paceline.domain.asking import OpenQuestion, PressStep
    from paceline.domain.questions import Answer, AnswerReceipt
    from paceline.domain.waiting_rules import Patience, Pressing, Watch


ANSWERS_KEPT = 1000
"""Answers by signal beyond so many are dropped; they can only be to questions that are not asked."""


class Answerable:
    """Keeps the open question of one workflow and the answers it has taken; the first answer wins."""

    def __init__(self) -> None:
        self._open_question: str | None = None
        self._answers: dict[str, Answer] = {}
        self._asking: OpenQuestion | None = None

    async def _await_answer(self, question: str, watch: Watch | None = None) -> Answer:
        """Wait, for weeks if need be; holds no thread and no slot, and nothing but an answer ends it.

        Args:
            question: its id; what is asked is in `_asking`.
            watch: whom to tell meanwhile.
        """
        self._open_question = question
        early = self._answers.get(question)
        if early is not None and self._misfit(early):
            del self._answers[question]
        await self._until_heard(question, watch)
        self._open_question = None
        return self._answers[question]

    async def _until_heard(self, question: str, watch: Watch | None) -> None:
        if self._is_heard(question):
            return
        if watch is not None:
            await self._keep_asking(question, Patience.begun(watch, workflow.now()))
        await workflow.wait_condition(
            lambda: self._is_heard(question), timeout_summary=f"answer to {question}"
        )

    async def _keep_asking(self, question: str, patience: Patience) -> None:
        """Remind people and tell others by durable timers until there is an answer, or nobody is left."""
        while (due := patience.next_at()) is not None:
            try:
                await workflow.wait_condition(
                    lambda: self._is_heard(question),
                    timeout=max((due - workflow.now()).total_seconds(), 0.001),
                    timeout_summary=f"nobody answered {question}",
                )
            except TimeoutError:
                patience, what = patience.step(workflow.now())
                await self._press(question, patience, what)
            else:
                return

    async def _press(self, question: str, patience: Patience, what: Pressing) -> None:
        step = self._asking.step if self._asking is not None else {}
        await workflow.execute_local_activity_method(
            PeopleActivities.press_question,
            PressStep(
                project=str(step.get("project", "")),
                revision=int(step.get("revision", 0)),
                question=question,
                what=what,
                reminders=patience.reminders,
                escalated=patience.escalated,
                deadline=patience.deadline,
            ),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary=f"{what.value}: nobody answered"[:200],
        )

    def _is_heard(self, question: str) -> bool:
        return question in self._answers

    def _misfit(self, answer: Answer) -> str | None:
        """Why an answer does not fit what is asked now; to another question anything but nothing does."""
        asked = self._asking
        if answer.question == self._open_question and asked is not None:
            return misfit(answer, asked.options)
        return misfit(answer) if not answer.chosen else None

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
            chosen=first.chosen,
        )

    @answer.validator
    def _check_answer(self, answer: Answer) -> None:
        refusal = self._misfit(answer)
        if refusal is not None:
            raise ApplicationError(refusal, type="REFUSED", non_retryable=True)
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
        """The same by signal; the first answer wins, one that does not fit its question and one to a
        question never asked change nothing.

        An answer may come before this workflow knows that its question is open: the question is stored by an
        activity, and a worker that dies right after leaves it for people to see and answer. It is kept.
        """
        if self._misfit(answer) is None and len(self._answers) < ANSWERS_KEPT:
            self._answers.setdefault(answer.question, answer)
