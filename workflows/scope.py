"""A sprint that will be late, or is ahead: one question, and nothing is changed without an answer."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio import workflow

from workflows.asking_beside import AskingBeside
from workflows.policies import ALWAYS, SHORT

with workflow.unsafe.imports_passed_through():
    from activities.scope import ScopeActivities
    from paceline.contracts import ProjectAsk
    from paceline.domain.questions import Answer, Decision, Option
    from paceline.domain.scope import (
        Cut,
        ScopeAction,
        ScopeInput,
        ScopeReply,
        ScopeStep,
        meaning,
        scope_question,
    )
    from paceline.domain.steering import SteerAction
    from paceline.domain.steering_steps import FromAbove


@workflow.defn(name="scope")
class ScopeWorkflow(AskingBeside):
    """Asks once, and does what a person chose of the options."""

    @workflow.init
    def __init__(self, start: ScopeInput) -> None:
        super().__init__()
        self._in = start

    @workflow.run
    async def run(self, start: ScopeInput) -> None:
        """Propose, ask, and do what was answered."""
        found = await self._propose()
        answer = await self._ask_about(found) if found.cuts else None
        chosen = _chosen(answer, found.cuts) if answer is not None else []
        if answer is not None and chosen:
            if start.ahead:
                await self._amend(chosen, answer)
            else:
                await self._do_less(chosen, answer, found.into)
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _propose(self) -> ScopeReply:
        step = ScopeStep(project=self._in.project, sprint=self._in.sprint)
        more, less = ScopeActivities.propose_more, ScopeActivities.propose_cuts
        return await workflow.execute_activity_method(
            more if self._in.ahead else less,
            step,
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary="what else could be done" if self._in.ahead else "what could be left out",
        )

    async def _do_less(self, chosen: Sequence[Cut], answer: Answer, into: str) -> None:
        """Hold the stories so that none begins meanwhile; what had begun before stays as it is."""
        away = [cut for cut in chosen if cut.action is ScopeAction.DEFER]
        simpler = [cut for cut in chosen if cut.action is ScopeAction.SIMPLIFY]
        gone = {cut.story for cut in away}
        if away and into:
            await self._defer(await self._steer(away, SteerAction.PAUSE, answer), answer)
        elif away:
            await self._steer(away, SteerAction.SKIP, answer)
        held = await self._steer([cut for cut in simpler if cut.story not in gone], SteerAction.PAUSE, answer)
        if held:
            await self._amend(held, answer)
            await self._steer(held, SteerAction.RESUME, answer)

    async def _defer(self, held: Sequence[Cut], answer: Answer) -> None:
        """Move held stories into the next sprint."""
        if not held:
            return
        moved = await workflow.execute_activity_method(
            ScopeActivities.defer_stories,
            self._step(held, answer).model_copy(update={"stories": [cut.story for cut in held]}),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary="move them into the next sprint",
        )
        change = FromAbove(paused=[], revision=moved.revision, amended=moved.revision)
        await self._tell_run(self._in.project, change)
        if not moved.into:
            # An amended plan has no next sprint any more.
            await self._steer(held, SteerAction.SKIP, answer)

    async def _amend(self, chosen: Sequence[Cut], answer: Answer) -> None:
        await workflow.execute_activity_method(
            ScopeActivities.amend_scope,
            self._step(chosen, answer),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary="have the run follow what was chosen",
        )

    async def _steer(self, cuts: Sequence[Cut], action: SteerAction, answer: Answer) -> list[Cut]:
        """Do something to stories that have not begun; returns those for which it was done."""
        if not cuts:
            return []
        done = await workflow.execute_activity_method(
            ScopeActivities.steer_epics,
            self._step(cuts, answer).model_copy(update={"steer": action}),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary=f"{action.value} what was chosen",
        )
        return [cut for cut in cuts if cut.story in done.stories]

    def _step(self, cuts: Sequence[Cut], answer: Answer) -> ScopeStep:
        return ScopeStep(
            project=self._in.project,
            sprint=self._in.sprint,
            cuts=list(cuts),
            actor=answer.actor,
            note=answer.text[:2000],
            workflow=workflow.info().workflow_id,
        )

    async def _ask_about(self, found: ScopeReply) -> Answer | None:
        step = ProjectAsk(
            project=self._in.project,
            revision=found.revision,
            number=1,
            kind=self._in.kind,
            text=scope_question(self._in, found),
            options=[Option(name=cut.name, text=meaning(cut)[:2000]) for cut in found.cuts],
            waits=[],
            workflow=workflow.info().workflow_id,
        )
        return await self._ask(step, self._is_needed)

    async def _is_needed(self) -> bool:
        return bool((await self._propose()).cuts)


def _chosen(answer: Answer, cuts: Sequence[Cut]) -> list[Cut]:
    if answer.decision is Decision.APPROVE:
        return list(cuts)
    return [cut for cut in cuts if answer.decision is Decision.CHOOSE and cut.name in answer.chosen]
