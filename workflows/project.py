"""One run of a plan: its sprints in order, then the bundle."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)

from workflows.amending import Amendable
from workflows.policies import A_FEW_TIMES, ALWAYS, GIT, HEARTBEAT, SHORT, WORKFLOW_TASK
from workflows.project_asking import Forced, LeftOut, NotDone, ProjectAsking
from workflows.sprint import SprintWorkflow
from workflows.steering import Steerable, passed_on, refused
from workflows.unbegun import UnbegunSprints

with workflow.unsafe.imports_passed_through():
    from activities.carrying import CarryingActivities
    from activities.finish import FinishActivities
    from activities.gates import GateActivities
    from activities.lost import LostActivities
    from activities.outlines import OutlineActivities
    from activities.status import StatusActivities
    from activities.steering import SteeringActivities
    from paceline import search_attributes
    from paceline.contracts import (
        WORK_TASK_QUEUE,
        FinishProject,
        GateStep,
        ProjectInput,
        ProjectOutline,
        ProjectResult,
        SprintInput,
        SprintRef,
        SprintResult,
        SprintStep,
    )
    from paceline.domain import ids
    from paceline.domain.carrying import UNFINISHED_STATES, CarryLook, CarryReply, CarryStep
    from paceline.domain.questions import Decision, Option, QuestionKind
    from paceline.domain.states import SUCCESS_STATES, RunState, StoryState
    from paceline.domain.status import CarryOver
    from paceline.domain.steering import PartState, Standing, Steer, SteerAction, SteerScope
    from paceline.domain.steering_steps import EndStep, SteerRecorded


@workflow.defn(name="project")
class ProjectWorkflow(ProjectAsking, Amendable, UnbegunSprints):
    """Runs a plan's sprints in order; optional sprints ask first."""

    @workflow.init
    def __init__(self, start: ProjectInput) -> None:
        ProjectAsking.__init__(self)
        Steerable.__init__(self)
        self._in = start
        self._sprint = ""
        self._running = ""
        """The sprint that runs now."""
        self._finishing = False

    @workflow.run
    async def run(self, start: ProjectInput) -> ProjectResult:
        """Run to the end, and leave a bundle also when the run was cancelled."""
        outline = ProjectOutline(title="", sprints=[])
        try:
            outline, known = await self._load(), self._in.amended
            await self._begin(outline)
            while (sprint := self._next_sprint(outline)) is not None:
                await self._run_sprint(outline, sprint)
                await self._amended()
                if self._in.amended > known:
                    outline, known = await self._load(), self._in.amended
            self._finishing = True
            # What was rolled back may be there again by now: that is counted when the end is recorded.
            good = SUCCESS_STATES | {StoryState.REVERTED}
            failed = any(state not in good for state, count in self._in.counts.items() if count)
            if self._in.ending is not None:
                raise Forced
            result = await self._finish(RunState.INCOMPLETE if failed else RunState.COMPLETED)
        except Forced:
            await self._force_rest(outline)
            result = await self._finish(RunState.COMPLETED)
        except NotDone:
            result = await self._finish(RunState.INCOMPLETE, refused=self._refused)
        except (
            asyncio.CancelledError,
            ChildWorkflowError,
            WorkflowAlreadyStartedError,
            ActivityError,
        ) as error:
            if is_cancelled_exception(error):
                await self._finish(RunState.CANCELLED)
                await workflow.wait_condition(workflow.all_handlers_finished)
                raise
            if not isinstance(error, ActivityError):
                await self._end_sprint()
            await self._finish(RunState.FAILED)
            raise
        await workflow.wait_condition(workflow.all_handlers_finished)
        return result

    async def _load(self) -> ProjectOutline:
        return await workflow.execute_activity_method(
            OutlineActivities.load_project,
            self._in,
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary="read the plan",
        )

    async def _begin(self, outline: ProjectOutline) -> None:
        if await self._may_begin(outline):
            return
        for sprint in outline.sprints:
            self._count(sprint, await self._skip(sprint))
        raise NotDone

    def _next_sprint(self, outline: ProjectOutline) -> SprintRef | None:
        return next((each for each in outline.sprints if each.key not in self._in.done_sprints), None)

    async def _run_sprint(self, outline: ProjectOutline, sprint: SprintRef) -> None:
        await self._until_free()
        self._sprint = sprint.key
        self._show(outline)
        if not await self._begins(sprint):
            return
        known = self._in.amended
        result = await self._run_child(outline, sprint, WorkflowIDReusePolicy.REJECT_DUPLICATE)
        while await self._added_late(sprint.key, result.counts, known):
            known = self._in.amended
            result = await self._run_child(outline, sprint, WorkflowIDReusePolicy.ALLOW_DUPLICATE)
        self._count(sprint, result)
        if result.counts.get(StoryState.PART_DONE):
            await self._begin_next_parts(sprint)
        if self._in.ending is not None:
            raise Forced
        if any(result.counts.get(state) for state in UNFINISHED_STATES):
            await self._carry_over(outline, sprint)
        if "done" in sprint.gates and not await self._holds(sprint, "done"):
            raise NotDone
        if not await self._accepted(sprint, result):
            raise NotDone
        if outline.finish:
            await self._hand_on(sprint)
        long = workflow.info().get_current_history_length() > self._in.history_limit
        if long and workflow.all_handlers_finished():
            workflow.continue_as_new(self._in)

    async def _begins(self, sprint: SprintRef) -> bool:
        """Whether its turn has come and nobody leaves it out; one that is left out is counted."""
        begins = False
        try:
            begins = not self._left_out(sprint.key) and await self._is_wanted(sprint)
            if begins:
                await self._until_free()
        except LeftOut:
            workflow.logger.info("sprint %s was ended while people were asked about it", sprint.key)
        await self._undisturbed(sprint.key)
        if self._left_out(sprint.key):
            self._count(sprint, await self._leave_out(sprint.key))
            return False
        if not begins:
            self._count(sprint, await self._skip(sprint))
        return begins

    async def _is_wanted(self, sprint: SprintRef) -> bool:
        """Whether people want it, and it is ready, where they are to say so."""
        if not await self._wanted(sprint):
            return False
        return "ready" not in sprint.gates or await self._holds(sprint, "ready")

    async def _run_child(
        self, outline: ProjectOutline, sprint: SprintRef, reuse: WorkflowIDReusePolicy
    ) -> SprintResult:
        told, before = self._from_above(), self._take_over(sprint.key)
        child = await workflow.start_child_workflow(
            SprintWorkflow.run,
            SprintInput(
                paused=[*([SteerScope.SPRINT] if before.paused else []), *self._in.paused],
                held_epics=before.epics,
                held_stories=before.stories,
                project=self._in.project,
                revision=self._in.revision,
                sprint=sprint.key,
                title=sprint.title,
                history_limit=self._in.history_limit,
                amended=self._in.amended,
                again=reuse is WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            ),
            id=ids.sprint_workflow_id(self._in.project, sprint.key),
            id_reuse_policy=reuse,
            parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
            task_timeout=WORKFLOW_TASK,
            search_attributes=search_attributes.of_part(self._in.project, sprint.key),
            static_summary=f"{sprint.key}: {sprint.title}"[:200],
            static_details=outline.goal or "",
        )
        self._running = sprint.key
        if told != self._from_above():
            await self._tell_children()
        try:
            return await asyncio.shield(child)
        except asyncio.CancelledError:
            await self._cancel_sprint(sprint)
            return await child
        finally:
            self._running = ""

    def _count(self, sprint: SprintRef, result: SprintResult) -> None:
        for state, count in result.counts.items():
            self._in.counts[state] = self._in.counts.get(state, 0) + count
        self._in.done_sprints.append(sprint.key)

    async def _carry_over(self, outline: ProjectOutline, sprint: SprintRef) -> None:
        """Let what the sprint ended without go on in the next one, if that is wanted."""
        after = [
            each
            for each in outline.sprints
            if each.key not in self._in.done_sprints and not self._left_out(each.key)
        ]
        into = next((each for each in after if not each.optional), after[0] if after else None)
        if into is None or not workflow.patched("carry-over"):
            return
        look = CarryLook(
            project=self._in.project, revision=self._in.revision, sprint=sprint.key, into=into.key
        )
        found = await workflow.execute_activity_method(
            CarryingActivities.find_unfinished,
            look,
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary=f"what {sprint.key} ended without"[:200],
        )
        if not found.stories:
            return
        stories, actor, note = found.stories, "paceline", ""
        if found.policy is CarryOver.PERSON:
            answer = await self._ask(
                QuestionKind.CARRY_OVER,
                found.question,
                options=[Option(name=story, text="carry this one over") for story in stories],
            )
            if answer.decision is Decision.REJECT:
                return
            if answer.decision is Decision.CHOOSE:
                stories = [story for story in stories if story in answer.chosen]
            actor, note = answer.actor, answer.text
        reply = await workflow.execute_activity_method(
            CarryingActivities.carry_over,
            CarryStep(**look.model_dump(), stories=stories, actor=actor, note=note[:2000]),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary=f"carry over into {into.key}"[:200],
        )
        self._moved(reply)

    async def _begin_next_parts(self, sprint: SprintRef) -> None:
        """Stories whose part the sprint did go on in the sprint of their next part."""
        reply = await workflow.execute_activity_method(
            CarryingActivities.begin_next_parts,
            SprintStep(project=self._in.project, revision=self._in.revision, sprint=sprint.key),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary=f"what {sprint.key} did in part goes on"[:200],
        )
        self._moved(reply)

    def _moved(self, reply: CarryReply) -> None:
        """Stories left the sprint, and count in the one that they went to."""
        self._in.revision = max(reply.revision, self._in.revision)
        for state, count in reply.left.items():
            self._in.counts[state] = self._in.counts.get(state, 0) - count

    async def _skip(self, sprint: SprintRef) -> SprintResult:
        return await workflow.execute_activity_method(
            StatusActivities.skip_sprint,
            SprintStep(project=self._in.project, revision=self._in.revision, sprint=sprint.key),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary=f"{sprint.key} was left out"[:200],
        )

    async def _cancel_sprint(self, sprint: SprintRef) -> None:
        """Cancel the sprint's current run: a child's own handle cancels only the run that it started."""
        name = ids.sprint_workflow_id(self._in.project, sprint.key)
        try:
            await workflow.get_external_workflow_handle(name).cancel()
        except ApplicationError:
            workflow.logger.info("sprint %s had ended before it could be cancelled", name)

    async def _end_sprint(self) -> None:
        """The sprint was closed from outside, or its id was taken: nothing of it may run on unseen."""
        await workflow.execute_activity_method(
            LostActivities.end_sprint,
            SprintStep(project=self._in.project, revision=self._in.revision, sprint=self._sprint),
            start_to_close_timeout=GIT,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=ALWAYS,
            summary=f"end what is left of {self._sprint}"[:200],
        )

    async def _hand_on(self, sprint: SprintRef) -> None:
        """Push the sprint's branch and the like; the activity records what failed, and the run goes on."""
        try:
            await workflow.execute_activity_method(
                FinishActivities.finish_sprint,
                SprintStep(project=self._in.project, revision=self._in.revision, sprint=sprint.key),
                task_queue=WORK_TASK_QUEUE,
                start_to_close_timeout=GIT,
                heartbeat_timeout=HEARTBEAT,
                retry_policy=A_FEW_TIMES,
                summary=f"hand on the branch of {sprint.key}"[:200],
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.warning("the branch of %s was not handed on: %s", sprint.key, error)

    async def _holds(self, sprint: SprintRef, gate: str) -> bool:
        """Whether a definition of ready or done holds; only a person may say so, or override it."""
        report = await workflow.execute_activity_method(
            GateActivities.check_gate,
            GateStep(project=self._in.project, revision=self._in.revision, sprint=sprint.key, gate=gate),
            task_queue=WORK_TASK_QUEUE,
            start_to_close_timeout=GIT,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=ALWAYS,
            summary=f"{sprint.key}: the definition of {gate}"[:200],
        )
        if not report.question:
            return True
        kind = QuestionKind.CONFIRM_READY if gate == "ready" else QuestionKind.CONFIRM_DONE
        return await self._agreed(kind, report.question)

    async def _finish(self, state: RunState, refused: str = "") -> ProjectResult:
        self._finishing = True
        return await workflow.execute_activity_method(
            StatusActivities.finish_project,
            FinishProject(
                project=self._in.project,
                revision=self._in.revision,
                state=state,
                counts=self._in.counts,
                sprints=self._in.done_sprints,
                forced_by=self._in.ending.actor if self._in.ending else "",
                refused=refused,
                refused_sprint=self._sprint if refused else "",
            ),
            start_to_close_timeout=GIT,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=ALWAYS,
            summary="record the end and make the bundle",
        )

    # Steering ---

    async def _until_free(self) -> None:
        """Nothing new starts while the run is paused."""
        await workflow.wait_condition(lambda: not self._is_held() or self._in.ending is not None)
        if self._in.ending is not None:
            raise Forced

    async def _force_rest(self, outline: ProjectOutline) -> None:
        """What has not ended counts as done, also in sprints that never started."""
        steer = self._in.ending
        left = [sprint for sprint in outline.sprints if sprint.key not in self._in.done_sprints]
        for sprint in left:
            if steer is None:
                break
            await workflow.execute_activity_method(
                SteeringActivities.end_stories,
                EndStep(
                    project=self._in.project,
                    revision=self._in.revision,
                    steer=steer,
                    sprint=sprint.key,
                    stories=[],
                ),
                start_to_close_timeout=SHORT,
                retry_policy=ALWAYS,
                summary=f"{sprint.key} counts as done"[:200],
            )
            self._in.done_sprints.append(sprint.key)

    def _scope(self) -> SteerScope:
        return SteerScope.PROJECT

    def _steered(self) -> ProjectInput:
        return self._in

    def _target(self, steer: Steer) -> dict[str, Any]:
        if steer.sprint:
            return self._target_unbegun(steer)
        return {"scope": SteerScope.PROJECT}

    def _standing(self, steer: Steer) -> Standing:
        state = PartState.PAUSED if self._own() else PartState.RUNNING
        if self._in.ending is not None or workflow.cancellation_reason() is not None:
            state = PartState.ENDING
        elif self._finishing:
            state = PartState.ENDED
        if steer.sprint:
            if state in (PartState.ENDING, PartState.ENDED):
                raise refused(f"Run {self._in.project} has ended or is ending, and {steer.sprint} with it.")
            return self._standing_unbegun(steer)
        return Standing(
            scope=SteerScope.PROJECT,
            name=f"Run {self._in.project}",
            state=state,
            paused=bool(self._own()),
        )

    async def _do(self, steer: Steer, effect: str) -> SteerRecorded:
        if steer.sprint:
            return await self._do_unbegun(steer, effect)
        if steer.action in (SteerAction.PAUSE, SteerAction.RESUME):
            self._hold(steer.action)
        recorded = await self._record(steer, effect)
        if steer.action is SteerAction.CANCEL:
            await self._cancel_run(steer, effect)
        elif steer.action is SteerAction.FORCE_COMPLETE:
            self._in.ending = steer
            await self._signal_sprint("steer", passed_on(steer, self._running))
        else:
            await self._tell_children()
        return recorded

    def _is_moot(self) -> bool:
        return self._sprint not in self._in.done_sprints and self._left_out(self._sprint)

    async def _cancel_run(self, steer: Steer, effect: str) -> None:
        await workflow.execute_local_activity_method(
            SteeringActivities.cancel_run,
            self._steer_step(steer, effect),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
        )

    async def _tell_children(self) -> None:
        await self._signal_sprint("held", self._from_above())

    async def _signal_sprint(self, signal: str, argument: Any) -> None:
        if not self._running:
            return
        name = ids.sprint_workflow_id(self._in.project, self._running)
        try:
            await workflow.get_external_workflow_handle(name).signal(signal, argument)
        except ApplicationError:
            workflow.logger.info("sprint %s had ended before it could be told", name)

    def _show(self, outline: ProjectOutline) -> None:
        lines = [outline.goal or "", ""]
        for sprint in outline.sprints:
            mark = "x" if sprint.key in self._in.done_sprints else " "
            now = " **now**" if sprint.key == self._sprint else ""
            lines.append(f"- [{mark}] {sprint.key}: {sprint.title}{now}")
        workflow.set_current_details("\n".join(lines)[:15_000])
