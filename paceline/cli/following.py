"""Following one run to its end: events, state, and the questions it asks."""

from __future__ import annotations

import asyncio
import time

from paceline.cli.asking import InputEnded, ask
from paceline.cli.progress import Progress
from paceline.cli.terminal import how_to_answer, question_text
from paceline.client.api import ApiClient
from paceline.domain.events import Event, EventType
from paceline.domain.questions import Answer, Question
from paceline.domain.states import RunState
from paceline.domain.status import ProjectStatus
from paceline.errors import PacelineError, ServerUnavailable

REFRESH_SECONDS = 0.25
"""The shortest time between two looks at the stories' states."""
IDLE_SECONDS = 2.0
"""The longest."""
RECONNECT_SECONDS = 0.2
PATIENCE_SECONDS = 60.0
"""How long an API may be away before following it is given up."""
LAST_EVENTS_SECONDS = 3.0


class Follower:
    """One run, shown while it goes.

    Args:
        client: the API.
        project: id of the run.
        progress: where it is shown.
        actor: who answers at this terminal; None where nobody does.
    """

    def __init__(self, client: ApiClient, project: str, progress: Progress, actor: str | None) -> None:
        self._client = client
        self._project = project
        self._progress = progress
        self._actor = actor
        self._last = 0
        self._changed = asyncio.Event()
        self._open: dict[str, Question] = {}
        self._asking: tuple[str, asyncio.Task[Answer | None]] | None = None
        self._questions_changed = asyncio.Event()

    async def follow(self) -> ProjectStatus:
        """Show the run until it ends; returns how it stands then.

        Raises:
            ServerUnavailable: the API was away for too long.
        """
        tasks = [asyncio.create_task(self._events()), asyncio.create_task(self._questions())]
        try:
            status = await self._until_end()
            await self._drain(status.last_event)
            return status
        finally:
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, PacelineError):
                    self._progress.say(result.message)

    async def _until_end(self) -> ProjectStatus:
        answered = time.monotonic()
        while True:
            self._changed.clear()
            try:
                status = await self._client.get_project(self._project)
                answered = time.monotonic()
            except ServerUnavailable:
                if time.monotonic() - answered > PATIENCE_SECONDS:
                    raise
                await asyncio.sleep(IDLE_SECONDS)
                continue
            self._progress.show(status)
            if status.run.state is not RunState.RUNNING:
                return status
            await asyncio.sleep(REFRESH_SECONDS)
            await self._wait(self._changed, IDLE_SECONDS)

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass

    async def _drain(self, last: int) -> None:
        deadline = time.monotonic() + LAST_EVENTS_SECONDS
        while self._last < last and time.monotonic() < deadline:
            self._changed.clear()
            await self._wait(self._changed, deadline - time.monotonic())

    async def _events(self) -> None:
        while True:
            async for event in self._client.events(self._project, self._last):
                self._last = event.number
                self._progress.happened(event)
                self._note(event)
                self._changed.set()
            await asyncio.sleep(RECONNECT_SECONDS)

    def _note(self, event: Event) -> None:
        question = str(event.data.get("question", ""))
        if event.type is EventType.HITL_RESPONSE:
            self._open.pop(question, None)
            if self._asking is not None and self._asking[0] == question:
                self._asking[1].cancel()
        if event.type in (EventType.HITL_REQUEST, EventType.HITL_RESPONSE):
            self._questions_changed.set()

    async def _questions(self) -> None:
        """Print each question once; at a terminal ask them one after the other."""
        seen: set[str] = set()
        while True:
            self._questions_changed.clear()
            try:
                found = await self._client.questions(self._project)
            except ServerUnavailable:
                found = []
            self._open = {question.id: question for question in found}
            for question in found:
                if question.id in seen or question.id not in self._open:
                    continue
                seen.add(question.id)
                if self._actor is None:
                    self._print(question)
                else:
                    await self._ask(question, self._actor)
            await self._wait(self._questions_changed, IDLE_SECONDS)

    def _print(self, question: Question) -> None:
        self._progress.say(question_text(question))
        self._progress.say(f"Answer it with: {how_to_answer(question)}")

    async def _ask(self, question: Question, actor: str) -> None:
        self._progress.pause()
        task = asyncio.create_task(ask(question, actor))
        self._asking = (question.id, task)
        sentence = f"Answer it later with: {how_to_answer(question)}"
        try:
            await asyncio.wait({task})
            if task.cancelled():
                sentence = f"\nSomebody else answered {question.id}."
            else:
                answer = task.result()
                sentence = (await self._client.answer(answer))["message"] if answer else sentence
        except InputEnded:
            self._actor = None
        except PacelineError as error:
            sentence = error.message
        finally:
            self._asking = None
            task.cancel()
            self._progress.resume()
        self._progress.say(sentence)
