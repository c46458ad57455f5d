"""Answers reach the workflow that asks: as an update, early, late, and without a worker."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api import answers
from api.main import create_app
from paceline.domain.questions import Answer
from paceline.settings import Settings
from paceline.store import questions
from paceline.store.database import Database
from tests.integration.api.allotment import Calls, Record, a_question, calling
from workflows.answers import Answerable

pytestmark = pytest.mark.temporal
QUEUE = "answers"


@activity.defn(name="prepare")
async def prepare() -> None:
    """Stands for the step that writes the question down, which takes a moment to be heard of."""
    await asyncio.sleep(0.3)


@workflow.defn(name="asking")
class Asking(Answerable):
    """Asks one question, some time after it began."""

    @workflow.run
    async def run(self, question: str) -> Answer:
        """Wait for the answer, and a little for those who come late."""
        await workflow.execute_activity(prepare, start_to_close_timeout=timedelta(seconds=10))
        answer = await self._await_answer(question)
        await workflow.sleep(timedelta(seconds=2))
        return answer

    @workflow.update
    async def opened(self) -> None:
        """Return when the question is open."""
        await workflow.wait_condition(lambda: self._open_question is not None)


@pytest_asyncio.fixture
async def live(database: Database, temporal: Client, settings: Settings) -> AsyncGenerator[Calls]:
    """The API with a real Temporal."""
    async with calling(create_app(database, temporal, settings)) as calls:
        yield calls


@pytest.fixture
def question() -> str:
    """An id of this test's own."""
    return f"q-{uuid.uuid4().hex[:8]}"


@pytest_asyncio.fixture
async def asking(
    record: Record, database: Database, temporal: Client, question: str
) -> WorkflowHandle[Asking, Answer]:
    """A workflow that will ask, and its question in the database already."""
    await record()
    await database.write(questions.open_question, a_question(question, workflow_id=question))
    return await temporal.start_workflow(Asking.run, question, id=question, task_queue=QUEUE)


def worker(temporal: Client) -> Worker:
    """Takes the asking workflow's tasks."""
    return Worker(
        temporal,
        task_queue=QUEUE,
        workflows=[Asking],
        activities=[prepare],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


async def give(
    calls: Calls, question: str, actor: str, decision: str = "approve"
) -> tuple[int, dict[str, str]]:
    """Answer over the API."""
    body = {"decision": decision, "text": "as planned", "actor": actor}
    reply = await calls.post(f"/api/v1/questions/{question}/answer", json=body)
    return reply.status_code, reply.json()


async def test_an_answer_before_the_workflow_listens_is_taken_when_it_does(
    live: Calls, asking: WorkflowHandle[Asking, Answer], temporal: Client, question: str
) -> None:
    async with worker(temporal):
        code, reply = await give(live, question, "ada")
        answer = await asking.result()
    assert (code, reply["state"], reply["actor"]) == (200, "taken", "ada")
    assert (answer.decision.value, answer.text, answer.actor) == ("approve", "as planned", "ada")


async def test_of_two_at_once_one_wins_and_the_other_hears_who(
    live: Calls, asking: WorkflowHandle[Asking, Answer], temporal: Client, question: str
) -> None:
    async with worker(temporal):
        replies = await asyncio.gather(give(live, question, "ada"), give(live, question, "bob", "reject"))
        answer = await asking.result()
    (won,) = [reply for code, reply in replies if code == 200]
    (lost,) = [reply for code, reply in replies if code == 409]
    assert won["actor"] == answer.actor
    assert lost["code"] == "ALREADY_ANSWERED"
    assert lost["actor"] == answer.actor


async def test_without_a_worker_the_answer_is_sent_and_taken_later(
    live: Calls,
    asking: WorkflowHandle[Asking, Answer],
    temporal: Client,
    question: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with worker(temporal):
        # The SDK's overload for several arguments has a type that no checker can know.
        await asking.execute_update(Asking.opened)  # pyright: ignore[reportUnknownMemberType]
    monkeypatch.setattr(answers, "UPDATE_SECONDS", 0.5)
    code, reply = await give(live, question, "ada")
    assert (code, reply["state"]) == (202, "sent")
    async with worker(temporal):
        assert (await asking.result()).actor == "ada"


async def test_an_answer_after_the_workflow_ended_is_a_conflict(
    live: Calls, asking: WorkflowHandle[Asking, Answer], question: str
) -> None:
    await asking.terminate()
    code, reply = await give(live, question, "ada")
    assert (code, reply["code"]) == (409, "CONFLICT")


@pytest.mark.parametrize("text", ["", " \n"])
async def test_an_amendment_that_says_nothing_is_refused_and_the_question_stays_open(
    live: Calls, database: Database, asking: WorkflowHandle[Asking, Answer], question: str, text: str
) -> None:
    body = {"decision": "amend", "actor": "Ada", "text": text}
    reply = await live.post(f"/api/v1/questions/{question}/answer", json=body)
    assert (reply.status_code, reply.json()["code"]) == (403, "REFUSED")
    assert "amends nothing" in reply.json()["detail"]
    assert (await database.read(questions.get_question, question)).state == "open"
    await asking.terminate()
