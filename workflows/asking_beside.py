"""Questions of workflows beside a run's own: about the run, and taken back when nobody needs the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.answers import Answerable
from workflows.policies import ALWAYS, FIRST_LOOK, LONGEST_LOOK, SHORT

with workflow.unsafe.imports_passed_through():
    from activities.absence import AbsenceActivities
    from activities.people import PeopleActivities
    from paceline.contracts import ProjectAnswered, ProjectAsk
    from paceline.domain.asking import OpenQuestion
    from paceline.domain.questions import Answer
    from paceline.domain.steering_steps import FromAbove


class AskingBeside(Answerable):
    """Asks about a run that goes on without it."""

    def __init__(self) -> None:
        super().__init__()
        self._woken = False

    async def _ask(self, step: ProjectAsk, needed: Callable[[], Awaitable[bool]]) -> Answer | None:
        """Ask a person and wait for the answer, as long as it is needed.

        Args:
            step: what is asked.
            needed: looks whether the answer still is; called before each wait.

        Returns:
            None where it is not needed any more; the question is withdrawn then.
        """
        asked = await workflow.execute_local_activity_method(
            PeopleActivities.ask_about_project, step, start_to_close_timeout=SHORT, retry_policy=ALWAYS
        )
        self._asking = OpenQuestion(
            question=asked.question,
            asked_by="project",
            step=step.model_dump(mode="json"),
            options=step.options,
        )
        answer = await self._heard(asked.question, needed)
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
                project=step.project, revision=step.revision, answer=answer, kind=step.kind, asked=step
            ),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
        )
        return answer

    async def _heard(self, question: str, needed: Callable[[], Awaitable[bool]]) -> Answer | None:
        self._open_question, pause = question, FIRST_LOOK
        while question not in self._answers:
            if not await needed():
                return self._answers.get(question)
            try:
                await workflow.wait_condition(
                    lambda: question in self._answers or self._woken,
                    timeout=pause,
                    timeout_summary=f"answer to {question}",
                )
            except TimeoutError:
                pause = min(2 * pause, LONGEST_LOOK)
                continue
            finally:
                self._woken = False
        return self._answers[question]

    async def _tell_run(self, project: str, change: FromAbove) -> None:
        """The run's workflows have to know of changes that were made beside them."""
        try:
            await workflow.get_external_workflow_handle(project).signal("held", change)
        except ApplicationError:
            workflow.logger.info("run %s has ended", project)

    @workflow.signal(name="look-again")
    def look_again(self) -> None:
        """The run has ended, or its agents changed."""
        self._woken = True
