"""One absence of an agent: its stories go to others, and where the rules name nobody a person is asked."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.asking_beside import AskingBeside
from workflows.policies import ALWAYS, SHORT

with workflow.unsafe.imports_passed_through():
    from activities.absence import AbsenceActivities
    from activities.steering import SteeringActivities
    from paceline.contracts import ProjectAsk
    from paceline.domain.absence_steps import AbsenceInput, AbsencePlan, AbsenceStep, Move
    from paceline.domain.questions import Answer, Decision, Option, QuestionKind
    from paceline.domain.steering import Steer, SteerAction
    from paceline.domain.steering_steps import EndStep, FromAbove

ROUNDS = 10
"""A story that was just starting or ending is asked again in the next round, up to so many."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(seconds=30)


@workflow.defn(name="absence")
class AbsenceWorkflow(AskingBeside):
    """Goes on until every story of the agent has somebody, waits by somebody's word, or the run has ended."""

    @workflow.init
    def __init__(self, start: AbsenceInput) -> None:
        super().__init__()
        self._in = start
        self._round = 0

    @workflow.run
    async def run(self, start: AbsenceInput) -> None:
        """Write it down, move the stories, and ask about those that nobody can take."""
        noted = await workflow.execute_local_activity_method(
            AbsenceActivities.note_absence, start, start_to_close_timeout=SHORT, retry_policy=ALWAYS
        )
        await self._revise(noted.revision)
        answer: Answer | None = None
        while not start.back:
            found = await self._move_all(answer)
            if found.over or not found.left:
                break
            answer = await self._ask_about(found)
            if answer is not None and answer.decision is Decision.REJECT:
                await self._skip(found, answer)
            if answer is not None and answer.decision in (Decision.APPROVE, Decision.REJECT):
                break
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _move_all(self, answer: Answer | None) -> AbsencePlan:
        moved: list[Move] = []
        pause, known = FIRST_PAUSE, self._in.revision
        for _ in range(ROUNDS):
            found = await self._find(answer, moved)
            if found.revision > known:
                await self._revise(found.revision)
                known = found.revision
            if not found.moves:
                return found
            for move in found.moves:
                await self._send(move, SteerAction.REASSIGN, move.why, answer)
            moved = found.moves
            await workflow.sleep(pause, summary="until the stories have been moved")
            pause = min(2 * pause, LONGEST_PAUSE)
        return await self._find(answer, moved)

    async def _find(self, answer: Answer | None, moved: list[Move]) -> AbsencePlan:
        self._round += 1
        return await workflow.execute_activity_method(
            AbsenceActivities.find_replacements,
            AbsenceStep(
                project=self._in.project,
                revision=self._in.revision,
                absence=self._in,
                workflow=workflow.info().workflow_id,
                round=self._round,
                moved=moved,
                by=_named(answer) if answer else "",
                by_actor=answer.actor if answer else "",
            ),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary=f"who does the stories of {self._in.agent}"[:200],
        )

    async def _send(self, move: Move, action: SteerAction, why: str, answer: Answer | None) -> None:
        steer = self._steer(move, action, why, answer)
        try:
            await workflow.get_external_workflow_handle(move.asked).signal("steer", steer)
        except ApplicationError:
            workflow.logger.info("%s has ended and was not asked about %s", move.asked, move.story)

    def _steer(self, move: Move, action: SteerAction, why: str, answer: Answer | None) -> Steer:
        return Steer(
            id=move.id,
            action=action,
            actor=answer.actor if answer else self._in.actor,
            reason=f"{self._in.agent} is {self._in.reason}: {why}"[:2000],
            story=move.story if move.through_epic else "",
            agents=move.agents if action is SteerAction.REASSIGN else [],
        )

    async def _skip(self, found: AbsencePlan, answer: Answer) -> None:
        why = answer.text or "nobody can do it"
        for move in found.left:
            if move.asked:
                await self._send(move, SteerAction.SKIP, why, answer)
                continue
            await workflow.execute_local_activity_method(
                SteeringActivities.end_stories,
                EndStep(
                    project=self._in.project,
                    revision=found.revision,
                    steer=self._steer(move, SteerAction.SKIP, why, answer),
                    sprint=move.sprint,
                    stories=[move.story],
                ),
                start_to_close_timeout=SHORT,
                retry_policy=ALWAYS,
            )

    async def _revise(self, revision: int) -> None:
        await self._tell_run(self._in.project, FromAbove(paused=[], revision=revision))

    # Asking ---

    async def _ask_about(self, found: AbsencePlan) -> Answer | None:
        """Ask a person; None where the answer is not needed any more, or something can be moved by now."""
        self._in.asked += 1
        step = ProjectAsk(
            project=self._in.project,
            revision=found.revision,
            number=self._in.asked,
            kind=QuestionKind.REPLACE_AGENT,
            text=found.question,
            options=[Option(name=name, text=f"{name} does them") for name in found.could],
            waits=[move.story for move in found.left],
            workflow=workflow.info().workflow_id,
        )
        return await self._ask(step, self._nobody_yet)

    async def _nobody_yet(self) -> bool:
        found = await self._find(None, [])
        return not found.over and not found.moves and bool(found.left)


def _named(answer: Answer) -> str:
    """The agent that a person chose, or named in the text."""
    return answer.chosen[0] if answer.chosen else answer.text.strip()[:1000]
