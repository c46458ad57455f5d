"""A sprint that will be late: one question a day at most, and nothing is cut without an answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.asking_beside import AskingBeside
from workflows.policies import ALWAYS, SHORT

with workflow.unsafe.imports_passed_through():
    from activities.scope import ScopeActivities
    from paceline.contracts import ProjectAsk
    from paceline.domain import ids
    from paceline.domain.questions import Answer, Decision, Option, QuestionKind
    from paceline.domain.scope import Cut, ScopeInput, ScopeReply, ScopeStep, scope_question
    from paceline.domain.steering import Steer, SteerAction
    from paceline.domain.steering_steps import FromAbove

SETTLED = timedelta(seconds=2)
"""Until the epics have taken an action on their stories."""


@workflow.defn(name="scope")
class ScopeWorkflow(AskingBeside):
    """Asks once, and moves or skips what a person chose."""

    @workflow.init
    def __init__(self, start: ScopeInput) -> None:
        super().__init__()
        self._in = start

    @workflow.run
    async def run(self, start: ScopeInput) -> None:
        """Propose, ask, and do what was answered."""
        found = await self._propose()
        answer = await self._ask_about(found) if found.cuts else None
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
        change = FromAbove(paused=[], revision=moved.revision, amended=moved.revision)
        await self._tell_run(self._in.project, change)

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

    async def _ask_about(self, found: ScopeReply) -> Answer | None:
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
        return await self._ask(step, self._can_cut)

    async def _can_cut(self) -> bool:
        return bool((await self._propose()).cuts)


def _chosen(answer: Answer, cuts: Sequence[Cut]) -> list[Cut]:
    if answer.decision is Decision.APPROVE:
        return list(cuts)
    return [cut for cut in cuts if answer.decision is Decision.CHOOSE and cut.story in answer.chosen]
