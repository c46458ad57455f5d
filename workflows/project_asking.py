"""What a whole run asks people: before it begins, and before and after its sprints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from temporalio import workflow

from workflows.answers import Answerable
from workflows.policies import ALWAYS, SHORT

with workflow.unsafe.imports_passed_through():
    from activities.people import PeopleActivities
    from paceline.contracts import (
        ProjectAnswered,
        ProjectAsk,
        ProjectInput,
        ProjectOutline,
        SprintRef,
        SprintResult,
    )
    from paceline.domain.asking import OpenQuestion
    from paceline.domain.questions import Answer, Decision, Option, QuestionKind
    from paceline.domain.texts import called
    from paceline.domain.waiting_rules import Watch


class Forced(Exception):
    """A person says that the run is complete, while it waits for something."""


class NotDone(Exception):
    """A person says that nothing is to be built on what there is."""


class LeftOut(Exception):
    """A person ended the sprint about which people are asked before it begins."""


class ProjectAsking(Answerable):
    """Questions that belong to a whole run; one at a time."""

    _in: ProjectInput
    _refused = ""
    """The question that was answered last, where the answer was a no."""

    async def _ask(
        self,
        kind: QuestionKind,
        text: str,
        *,
        context: Mapping[str, str] | None = None,
        options: Sequence[Option] = (),
        waits: Sequence[str] | None = None,
    ) -> Answer:
        """Ask about the run and wait for the answer.

        Args:
            kind: why.
            text: what is asked.
            context: small facts beside it.
            options: what can be chosen.
            waits: the stories that cannot go on before it is answered; None: all that have not ended.

        Raises:
            Forced: a person said meanwhile that the run is complete.
            LeftOut: a person ended the sprint that was to begin.
        """
        if self._is_moot():
            raise LeftOut
        self._in.questions_asked += 1
        step = ProjectAsk(
            project=self._in.project,
            revision=self._in.revision,
            number=self._in.questions_asked,
            kind=kind,
            text=text[:20_000],
            context=dict(context or {}),
            options=list(options),
            waits=None if waits is None else list(waits),
        )
        asked = await workflow.execute_local_activity_method(
            PeopleActivities.ask_about_project,
            step,
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
        )
        self._asking = OpenQuestion(
            question=asked.question,
            asked_by="project",
            step=step.model_dump(mode="json"),
            options=step.options,
        )
        answer = await self._await_answer(asked.question, asked.watch)
        await workflow.execute_local_activity_method(
            PeopleActivities.record_project_answer,
            ProjectAnswered(
                project=self._in.project, revision=self._in.revision, answer=answer, kind=kind, asked=step
            ),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
        )
        self._asking = None
        return answer

    async def _agreed(self, kind: QuestionKind, text: str) -> bool:
        """Ask about the run; a rejection is the only no."""
        answer = await self._ask(kind, text)
        self._refused = answer.question if answer.decision is Decision.REJECT else ""
        return not self._refused

    async def _may_begin(self, outline: ProjectOutline) -> bool:
        """Whether people agree to how the plan was read, and to the start, where they want to be asked."""
        asks = {QuestionKind.CONFIRM_READING: outline.doubts}
        if outline.approve_start:
            sprints = "1 sprint" if len(outline.sprints) == 1 else f"{len(outline.sprints)} sprints"
            asks[QuestionKind.APPROVE_START] = f"{outline.title} is ready to begin: {sprints}. Start it?"
        for kind, text in asks.items():
            if text and kind not in self._in.agreed:
                if not await self._agreed(kind, text):
                    return False
                self._in.agreed.append(kind.value)
        return True

    async def _wanted(self, sprint: SprintRef) -> bool:
        """Whether a sprint is to be started, where that is a person's to say."""
        if sprint.optional:
            text = f"{called('Sprint', sprint.key)} ({sprint.title}) is optional. Start it?"
            return await self._agreed(QuestionKind.START_OPTIONAL_SPRINT, text)
        if sprint.approve_start:
            text = f"{called('Sprint', sprint.key)} ({sprint.title}) is next. Start it?"
            return await self._agreed(QuestionKind.APPROVE_START, text)
        return True

    async def _accepted(self, sprint: SprintRef, result: SprintResult) -> bool:
        """Whether a sprint that ended is accepted, where a person wants to be asked."""
        if not sprint.approve_end:
            return True
        ends = ", ".join(f"{count} {state.value}" for state, count in result.counts.items() if count)
        text = (
            f"{called('Sprint', sprint.key)} ({sprint.title}) ended: {ends or 'no stories'}. Is it accepted?"
        )
        return await self._agreed(QuestionKind.APPROVE_SPRINT, text)

    def _is_heard(self, question: str) -> bool:
        return super()._is_heard(question) or self._in.ending is not None or self._is_moot()

    def _is_moot(self) -> bool:
        """Whether a person ended the sprint that is to begin, so that nobody has to be asked about it."""
        return False

    async def _until_heard(self, question: str, watch: Watch | None) -> None:
        await super()._until_heard(question, watch)
        if self._in.ending is not None:
            self._open_question = None
            raise Forced
        if self._is_moot():
            self._open_question = self._asking = None
            raise LeftOut
