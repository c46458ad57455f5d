"""A person who answers whatever a run asks, by a script, until the run has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from temporalio.service import RPCError, RPCStatusCode

from paceline.contracts import ProjectResult
from paceline.domain.events import Event
from paceline.domain.questions import Decision, Question, QuestionKind
from paceline.domain.reports import Report, ReportKind
from paceline.domain.states import FINAL_STATES, RunState, StoryState
from paceline.domain.status import ProjectStatus, Run, StoryStatus
from paceline.store import questions, reports
from tests.world import World

PERSON = "ada"
Script = Callable[[Question], Decision]
"""What the person decides on each question."""

ENDS = frozenset(f"story.{state.value}" for state in FINAL_STATES)


def approving(_question: Question) -> Decision:
    """Says yes to everything."""
    return Decision.APPROVE


@dataclass(frozen=True)
class Ran:
    """A run that has ended, as its log and its status tell of it."""

    run: Run
    result: ProjectResult
    events: list[Event]
    status: ProjectStatus
    reports: list[Report]
    answered: list[Question]

    @property
    def stories(self) -> dict[str, StoryStatus]:
        """The stories, in the order of the plan."""
        return {story.id: story for story in self.status.stories}

    def named(self, name: str) -> list[Event]:
        """Events of one name, in order."""
        return [event for event in self.events if event.name == name]

    def asked(self, kind: QuestionKind) -> list[Question]:
        """Answered questions of one kind."""
        return [question for question in self.answered if question.kind is kind]

    def spans(self) -> dict[str, tuple[int, int]]:
        """Story to the numbers of its first grant and of its last end; only those that were worked on."""
        began: dict[str, int] = {}
        ended: dict[str, int] = {}
        for event in self.events:
            if event.story is not None and event.name == "claim.granted":
                began.setdefault(event.story, event.number)
            elif event.story is not None and event.name in ENDS:
                ended[event.story] = event.number
        return {story: (number, ended[story]) for story, number in began.items()}

    def last_spans(self) -> dict[str, tuple[int, int]]:
        """From the last grant to the last end: of a story that was carried over, its time there."""
        ends = self.spans()
        grants = {event.story: event.number for event in self.named("claim.granted") if event.story}
        return {story: (number, ends[story][1]) for story, number in grants.items()}

    def workers(self, story: str) -> set[str]:
        """The agents that the log says worked on a story."""
        return {
            str(event.data["agent"])
            for event in self.named("agent.status")
            if event.story == story and event.data["state"] == "WORKING"
        }

    def made(self, kind: ReportKind, sprint: str) -> list[Report]:
        """The reports of a kind of a sprint, by number."""
        mine = [each for each in self.reports if (each.kind, each.sprint) == (kind, sprint)]
        return sorted(mine, key=lambda each: each.number)


async def run_with_a_person(world: World, run: Run, script: Script = approving) -> Ran:
    """Let workers and a person bring a run to its end."""
    async with world.workers():
        answered, result = await asyncio.gather(_answer_all(world, run.id, script), world.result(run.id))
    return Ran(
        run=run,
        result=result,
        events=await world.events(run.id),
        status=await world.status(run.id),
        reports=await world.database.read(reports.reports_of, run.id),
        answered=answered,
    )


async def _answer_all(world: World, project: str, script: Script) -> list[Question]:
    answered: dict[str, Question] = {}

    async def look() -> bool:
        return bool(await _open(world, project, answered)) or await _has_ended(world, project)

    while True:
        await world.until(look, "a question or the end")
        for question in await _open(world, project, answered):
            try:
                receipt = await world.answer(question, script(question), "as agreed", actor=PERSON)
            except RPCError as error:
                # Nobody needs the answer any more: it was taken back while it was given.
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                continue
            assert receipt.accepted
            answered[question.id] = question
        if await _has_ended(world, project):
            return list(answered.values())


async def _open(world: World, project: str, answered: dict[str, Question]) -> list[Question]:
    found = await world.database.read(questions.list_questions, project)
    return [question for question in found if question.id not in answered]


async def _has_ended(world: World, project: str) -> bool:
    return (await world.status(project)).run.state is not RunState.RUNNING


def succeeded(ran: Ran) -> bool:
    """Whether the run was completed with every story done or left out."""
    good = {StoryState.MERGED, StoryState.SETTLED, StoryState.SKIPPED}
    return ran.result.state is RunState.COMPLETED and {story.state for story in ran.status.stories} <= good
