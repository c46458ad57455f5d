"""Bring a person's answer to the workflow that asked."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from api.temporal import RPC_TIMEOUT, TemporalErrors, is_not_found, is_not_ready, unavailable, update_workflow
from paceline.domain.answering import misfit
from paceline.domain.exchange import AnswerReply
from paceline.domain.questions import MEANING, Answer, AnswerReceipt, Decision, Question
from paceline.errors import AlreadyAnswered, Conflict, NotFound, PacelineError, Refused
from paceline.store import questions
from paceline.store.database import Database
from workflows.answers import Answerable

UPDATE_SECONDS = 5.0
"""How long a person waits for the workflow's receipt before the answer is sent as a signal."""
EARLY_DELAYS = (0.05, 0.1, 0.2, 0.4, 0.8, None)
"""Seconds between the tries of an answer that came before the workflow was ready for it; None ends them."""


async def give_answer(database: Database, client: Client, answer: Answer) -> AnswerReply:
    """Give the answer as an update; where no worker takes it in time, send it as a signal.

    Args:
        database: where questions are.
        client: the Temporal client.
        answer: decision, text and actor.

    Raises:
        NotFound: there is no such question.
        Refused: it does not fit the question: an empty amendment, an option that there is not.
        AlreadyAnswered: another answer was first.
        Conflict: the question was withdrawn, or its workflow has ended.
        ServerUnavailable: Temporal does not answer.
    """
    question = await database.read(questions.get_question, answer.question)
    if question.state == "withdrawn":
        raise Conflict(f"Question {question.id} was withdrawn: its story has ended.", question=question.id)
    refusal = misfit(answer, question.options)
    if refusal is not None:
        raise Refused(refusal, question=question.id, options=[option.name for option in question.options])
    if question.answer is not None:
        return _told(question, question.answer, answer)
    try:
        return await _give(client, question, answer)
    except _Ended as ended:
        # Perhaps by this very answer, whose receipt was lost; or somebody was faster.
        stored = (await database.read(questions.get_question, answer.question)).answer
        if stored is None:
            raise ended from None
        return _told(question, stored, answer)


class _Ended(Conflict):
    """The workflow that asked has ended; not of the tree, as nobody else sees it."""


def _told(question: Question, stored: Answer, answer: Answer) -> AnswerReply:
    """What is said about an answer to a question that has one.

    Raises:
        AlreadyAnswered: it is another one.
    """
    if stored != answer:
        raise already(question.id, stored.actor, stored.decision)
    return _reply(question, answer, "taken")


async def _give(client: Client, question: Question, answer: Answer) -> AnswerReply:
    handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(question.workflow_id)
    try:
        async with asyncio.timeout(UPDATE_SECONDS):
            receipt = await _update(client, question.workflow_id, answer)
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        return await _send(handle, question, answer)
    except TemporalErrors as error:
        if is_not_ready(error):
            return await _send(handle, question, answer)
        raise _rpc_refusal(error, question) from error
    if not receipt.accepted:
        raise already(answer.question, receipt.actor, receipt.decision)
    return _reply(question, answer, "taken")


async def _update(client: Client, workflow_id: str, answer: Answer) -> AnswerReceipt:
    """Give the answer; ask again while the workflow has not heard that its question is open.

    The question is in the database before the workflow knows of it, and a quick answer can fall in between.
    """
    for delay in EARLY_DELAYS:
        try:
            return await update_workflow(client, workflow_id, "answer", answer, AnswerReceipt)
        except WorkflowUpdateFailedError as error:
            refusal = _refusal(error.cause)
            if delay is None or not isinstance(refusal, NotFound):
                raise refusal from error
            await asyncio.sleep(delay)
    raise AssertionError("the last delay is None")


async def _send(handle: WorkflowHandle[Any, Any], question: Question, answer: Answer) -> AnswerReply:
    try:
        await handle.signal(Answerable.answer_by_signal, answer, rpc_timeout=RPC_TIMEOUT)
    except TemporalErrors as error:
        raise _rpc_refusal(error, question) from error
    return _reply(question, answer, "sent")


def already(question: str, actor: str, decision: str) -> AlreadyAnswered:
    """The refusal that says who was first."""
    return AlreadyAnswered(
        f"Question {question} was already answered by {actor}: {decision}.",
        question=question,
        actor=actor,
        decision=str(decision),
    )


def _meaning(question: Question, answer: Answer) -> str:
    if answer.decision is not Decision.CHOOSE:
        return MEANING[question.kind][answer.decision]
    return ", ".join(dict.fromkeys(answer.chosen))


def _reply(question: Question, answer: Answer, state: Literal["taken", "sent"]) -> AnswerReply:
    meaning = _meaning(question, answer)
    if state == "taken":
        message = f"Taken: {meaning}."
    else:
        message = f"Sent, but no worker runs to take it now; it is taken when one runs: {meaning}."
    return AnswerReply(
        question=question.id, state=state, decision=answer.decision, actor=answer.actor, message=message
    )


def _refusal(cause: BaseException | None) -> PacelineError:
    """The workflow's validator said no: keep its code where it is one of these."""
    if isinstance(cause, ApplicationError):
        for kind in (AlreadyAnswered, Conflict, NotFound):
            if cause.type == kind.code:
                return kind(cause.message)
        return Refused(cause.message)
    return Refused(str(cause or "The workflow refused the answer."))


def _rpc_refusal(error: RPCError | RuntimeError, question: Question) -> PacelineError:
    if is_not_found(error):
        return _Ended(
            f"Question {question.id} can no longer be answered: {question.workflow_id} has ended.",
            question=question.id,
        )
    return unavailable(error, "the answer was not given, try again")
