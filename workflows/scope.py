"""A sprint that will be late: one question a day at most, and nothing is cut without an answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.answers import Answerable
from workflows.policies import ALWAYS, SHORT

with workflow.unsafe.imports_passed_through():
    from activities.absence import AbsenceActivities
    from activities.people import PeopleActivities
    from activities.scope import ScopeActivities
    from paceline.contracts import ProjectAnswered, ProjectAsk
    from paceline.domain import ids
    from paceline.domain.asking import OpenQuestion
    from paceline.domain.questions import Answer, Decision, Option, QuestionKind
    from paceline.domain.scope import Cut, ScopeInput, ScopeReply, ScopeStep, scope_question
    from paceline.domain.steering import Steer, SteerAction
    from paceline.domain.steering_steps import FromAbove

LOOK_AGAIN = timedelta(hours=1)
SETTLED = timedelta(seconds=2)
"""Until the epics have taken an action on their stories."""


@workflow.defn(name="scope")
class ScopeWorkflow(Answerable):
    """Asks once, and moves or skips what a person chose."""

    @workflow.init
    def __init__(self, start: ScopeInput) -> None:
        super().__init__()
        self._in = start
        self._woken = False

    @workflow.run
    async def run(self, start: ScopeInput) -> None:
        """Propose, ask, and do what was answered."""
        found = await self._propose()
        answer = await self._ask(found) if found.cuts else None
        if answer is not None:
            chosen = _chosen(answer, found.cuts)
            if found.into:
                await self._defer(chosen, answer)
            else:
                await self._steer(chosen, SteerAction.SKIP, answer)
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _propose(self) -> ScopeReply:
        return await workflow.execute_activity_method(
            ScopeActivities.propose_cuts,
            ScopeStep(project=self._in.project, sprint=self._in.sprint),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary="what could be left out",
        )

    async def _defer(self, chosen: Sequence[Cut], answer: Answer) -> None:
        """Hold the stories so that none begins meanwhile, and move those that had not begun."""
        if not chosen:
            return
        await self._steer(chosen, SteerAction.PAUSE, answer)
        await workflow.sleep(SETTLED, summary="until the stories are held")
        moved = await workflow.execute_activity_method(
            ScopeActivities.defer_stories,
            ScopeStep(
                project=self._in.project,
                sprint=self._in.sprint,
                stories=[cut.story for cut in chosen],
                actor=answer.actor,
                note=answer.text[:2000],
            ),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary="move them into the next sprint",
        )
        above = FromAbove(paused=[], revision=moved.revision, amended=moved.revision)
        try:
            await workflow.get_external_workflow_handle(self._in.project).signal("held", above)
        except ApplicationError:
            workflow.logger.info("run %s has ended", self._in.project)

    async def _steer(self, chosen: Sequence[Cut], action: SteerAction, answer: Answer) -> None:
        for cut in chosen:
            epic = ids.epic_workflow_id(self._in.project, self._in.sprint, cut.epic)
            steer = Steer(
                id=f"scope-{ids.short_digest(f'{self._in.sprint}#{self._in.day}#{cut.story}')}",
                action=action,
                actor=answer.actor,
                reason=answer.text[:2000] or f"{self._in.sprint} would be late",
                story=cut.story,
            )
            try:
                await workflow.get_external_workflow_handle(epic).signal("steer", steer)
            except ApplicationError:
                workflow.logger.info("epic %s has ended", epic)

    async def _ask(self, found: ScopeReply) -> Answer | None:
        step = ProjectAsk(
            project=self._in.project,
            revision=found.revision,
            number=1,
            kind=QuestionKind.CUT_SCOPE,
            text=scope_question(self._in, found),
            options=[Option(name=cut.story[:200], text=cut.why) for cut in found.cuts],
            waits=[],
            workflow=workflow.info().workflow_id,
        )
        asked = await workflow.execute_local_activity_method(
            PeopleActivities.ask_about_project, step, start_to_close_timeout=SHORT, retry_policy=ALWAYS
        )
        self._asking = OpenQuestion(
            question=asked.question,
            asked_by="project",
            step=step.model_dump(mode="json"),
            options=step.options,
        )
        answer = await self._heard(asked.question)
        self._open_question = self._asking = None
        if answer is None:
            await workflow.execute_local_activity_method(
                AbsenceActivities.withdraw_beside,
                workflow.info().workflow_id,
                start_to_close_timeout=SHORT,
                retry_policy=ALWAYS,
            )
            return None
        await workflow.execute_local_activity_method(
            PeopleActivities.record_project_answer,
            ProjectAnswered(
                project=self._in.project,
                revision=found.revision,
                answer=answer,
                kind=QuestionKind.CUT_SCOPE,
                asked=step,
            ),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
        )
        return answer

    async def _heard(self, question: str) -> Answer | None:
        self._open_question = question
        while question not in self._answers:
            if not (await self._propose()).cuts:
                return self._answers.get(question)
            try:
                await workflow.wait_condition(
                    lambda: question in self._answers or self._woken,
                    timeout=LOOK_AGAIN,
                    timeout_summary=f"answer to {question}",
                )
            except TimeoutError:
                continue
            finally:
                self._woken = False
        return self._answers[question]

    @workflow.signal(name="look-again")
    def look_again(self) -> None:
        """The run has ended."""
        self._woken = True


def _chosen(answer: Answer, cuts: Sequence[Cut]) -> list[Cut]:
    if answer.decision is Decision.APPROVE:
        return list(cuts)
    return [cut for cut in cuts if answer.decision is Decision.CHOOSE and cut.story in answer.chosen]
