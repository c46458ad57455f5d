"""What nobody measured at the end of a sprint: people are asked, and silence says nothing."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.asking_beside import AskingBeside
from workflows.policies import ALWAYS, SHORT

with workflow.unsafe.imports_passed_through():
    from activities.measuring import MeasuringActivities
    from paceline.contracts import ProjectAsk
    from paceline.domain.metric_answers import metric_options, read_answer
    from paceline.domain.metric_steps import MeasuresInput, OpenAims, OpenStep, SaidStep
    from paceline.domain.questions import Answer, Decision, QuestionKind


@workflow.defn(name="measures")
class MeasuresWorkflow(AskingBeside):
    """Asks for actual values and verdicts; where a sprint waits, until its criteria have them."""

    @workflow.init
    def __init__(self, start: MeasuresInput) -> None:
        super().__init__()
        self._in = start
        self._found = OpenAims()
        self._superseded = False
        self._asked = 0

    @workflow.run
    async def run(self, start: MeasuresInput) -> None:
        """Ask, and write down what is answered."""
        while await self._left():
            self._found = await self._look()
            await self._supersede()
            answer = await self._ask(self._step(), self._left)
            if answer is None:
                break
            await workflow.execute_activity_method(
                MeasuringActivities.record_said,
                SaidStep(project=start.project, sprint=start.sprint, answer=answer, aims=self._found.aims),
                start_to_close_timeout=SHORT,
                retry_policy=ALWAYS,
                summary="write down what was said",
            )
            if answer.decision is Decision.REJECT or not start.wait or not (await self._look()).holding:
                break
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _look(self) -> OpenAims:
        return await workflow.execute_activity_method(
            MeasuringActivities.open_aims,
            OpenStep(project=self._in.project, sprint=self._in.sprint),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary="what nobody measured",
        )

    async def _left(self) -> bool:
        """Whether an answer still says something that nobody knows."""
        return not self._superseded and bool((await self._look()).aims)

    async def _supersede(self) -> None:
        """The question of an earlier sprint asks for nothing that this one does not."""
        for name in self._found.older:
            try:
                await workflow.get_external_workflow_handle(name).signal("superseded")
            except ApplicationError:
                workflow.logger.info("%s has ended", name)

    def _step(self) -> ProjectAsk:
        self._asked += 1
        return ProjectAsk(
            project=self._in.project,
            revision=self._found.revision,
            number=self._asked,
            kind=QuestionKind.MEASURE_METRICS,
            text=self._found.question,
            options=metric_options(self._found.aims),
            waits=None if self._in.wait else [],
            workflow=workflow.info().workflow_id,
        )

    def _misfit(self, answer: Answer) -> str | None:
        """Also a wrong name or value is refused before anything of the answer is taken."""
        refusal = super()._misfit(answer)
        if refusal is None and answer.decision is Decision.AMEND:
            read = read_answer(answer, self._found.aims)
            return read if isinstance(read, str) else None
        return refusal

    @workflow.signal(name="superseded")
    def superseded(self) -> None:
        """A later sprint asks for the same, and for more."""
        self._superseded = self._woken = True
