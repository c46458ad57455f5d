"""One sprint: a slice of every epic with stories in it, and settled dependencies passed between them."""

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

from workflows.epic import EpicWorkflow
from workflows.policies import ALWAYS, GIT, HEARTBEAT, SHORT, WORKFLOW_TASK
from workflows.sprint_clock import SprintClock
from workflows.sprint_measures import SprintMeasures
from workflows.steering import Steerable, passed_on

with workflow.unsafe.imports_passed_through():
    from activities.lost import LostActivities
    from activities.outlines import OutlineActivities
    from activities.status import StatusActivities
    from paceline import search_attributes
    from paceline.contracts import (
        EpicInput,
        EpicRef,
        EpicStep,
        SettledBatch,
        SprintInput,
        SprintOutline,
        SprintResult,
        SprintStep,
        StorySettled,
    )
    from paceline.domain import ids
    from paceline.domain.states import StoryState
    from paceline.domain.steering import ENDS, PartState, Standing, Steer, SteerAction, SteerScope
    from paceline.domain.steering_steps import SteerRecorded
    from paceline.domain.texts import called

_ONCE = WorkflowIDReusePolicy.REJECT_DUPLICATE
_AGAIN = WorkflowIDReusePolicy.ALLOW_DUPLICATE


@workflow.defn(name="sprint")
class SprintWorkflow(Steerable):
    """Runs the epic slices of one sprint side by side."""

    @workflow.init
    def __init__(self, start: SprintInput) -> None:
        super().__init__()
        self._in = start
        self._outline = SprintOutline(epics=[])
        self._loaded = False
        self._ended = dict.fromkeys(start.ended_epics, True)
        self._mail: dict[str, list[StorySettled]] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._started: dict[str, bool] = {}
        self._clock = SprintClock(start)
        self._seen = start.amended
        """The amendment of the plan that its epics are of."""
        self._measures = SprintMeasures(
            start, lambda: self._in.ending is not None, lambda: self._in.amended > self._seen
        )

    @workflow.run
    async def run(self, start: SprintInput) -> SprintResult:
        """Run the sprint to its end and count where its stories ended."""
        try:
            self._outline = await self._load()
            self._loaded = True
            if not start.epics_started:
                if self._outline.clock:
                    self._clock.start()
                for epic in self._outline.epics:
                    self._watchers[epic.key] = asyncio.create_task(self._watch(epic))
            await self._pass_on()
            while self._outline.measures and self._in.ending is None:
                await self._measures.run()
                ends = self._finished() or self._in.ending is not None
                if ends or not workflow.patched("look-again-while-measuring"):
                    break
                await self._pass_on()
        except (asyncio.CancelledError, ActivityError) as error:
            # A cancellation that meets an activity comes as the activity's error.
            if not is_cancelled_exception(error):
                raise
            await self._cancel_epics()
            if self._outline.clock:
                await self._clock.stop()
            await workflow.wait_condition(workflow.all_handlers_finished)
            raise
        if self._outline.clock:
            await self._clock.stop()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return await workflow.execute_activity_method(
            StatusActivities.count_stories,
            SprintStep(project=start.project, revision=start.revision, sprint=start.sprint),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary="count where the stories ended",
        )

    async def _load(self) -> SprintOutline:
        return await workflow.execute_activity_method(
            OutlineActivities.load_sprint,
            SprintStep(project=self._in.project, revision=self._in.revision, sprint=self._in.sprint),
            start_to_close_timeout=GIT,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=ALWAYS,
            summary=f"read {self._in.sprint} and make its branch"[:200],
        )

    async def _pass_on(self) -> None:
        while not self._finished():
            self._show()
            await workflow.wait_condition(
                lambda: self._finished() or bool(self._mail) or self._in.amended > self._seen
            )
            if self._in.amended > self._seen:
                await self._look_again()
            mail, self._mail = self._mail, {}
            await asyncio.gather(*(self._deliver(epic, stories) for epic, stories in mail.items()))
            known = self._in.amended == self._seen
            quiet = known and not self._mail and self._clock.settled and workflow.all_handlers_finished()
            quiet = quiet and not self._measures.is_open
            if self._too_long() and quiet and all(key in self._started for key in self._watchers):
                carried = {"epics_started": True, "ended_epics": list(self._ended)}
                workflow.continue_as_new(self._in.model_copy(update=carried))

    def _too_long(self) -> bool:
        return workflow.info().get_current_history_length() > self._in.history_limit

    async def _look_again(self) -> None:
        """The plan was amended: epics begin that had no stories here, or whose stories had all ended."""
        self._seen = self._in.amended
        before = {epic.key for epic in self._outline.epics}
        self._outline = await self._load()
        for epic in self._outline.epics:
            ended = epic.key in self._ended and epic.pending > 0
            if epic.key not in before or ended:
                self._ended.pop(epic.key, None)
                self._started.pop(epic.key, None)
                self._watchers[epic.key] = asyncio.create_task(self._watch(epic, again=ended))

    def _finished(self) -> bool:
        return self._all_ended() and self._in.amended == self._seen

    def _all_ended(self) -> bool:
        return all(epic.key in self._ended for epic in self._outline.epics)

    async def _deliver(self, epic: str, stories: list[StorySettled]) -> None:
        if epic in self._ended:
            return
        try:
            await workflow.get_external_workflow_handle(self._epic_id(epic)).signal(
                "stories-settled", SettledBatch(stories=stories)
            )
        except ApplicationError:
            workflow.logger.warning("epic %s is closed and was not told", epic)

    async def _watch(self, epic: EpicRef, again: bool = False) -> None:
        """Run an epic as a child; one that had ended, or did not hear of an amendment, runs again."""
        holds = epic.key in self._in.held_epics and not again
        try:
            child = await workflow.start_child_workflow(
                EpicWorkflow.run,
                EpicInput(
                    paused=[*([SteerScope.EPIC] if holds else []), *self._in.paused],
                    held=[] if again else self._in.held_stories,
                    project=self._in.project,
                    revision=self._in.revision,
                    sprint=self._in.sprint,
                    epic=epic.key,
                    title=epic.title,
                    history_limit=self._in.history_limit,
                    amended=self._in.amended,
                ),
                id=self._epic_id(epic.key),
                id_reuse_policy=_AGAIN if again or self._in.again else _ONCE,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                task_timeout=WORKFLOW_TASK,
                search_attributes=search_attributes.of_part(self._in.project, self._in.sprint, epic.key),
                static_summary=f"{epic.key}: {epic.title}"[:200],
                static_details=_stories(epic),
            )
            self._started[epic.key] = True
            result = await child
            if self._in.amended and result.counts.get(StoryState.PENDING):
                self._ended.pop(epic.key, None)
                await self._watch(epic, again=True)
                return
        except (ChildWorkflowError, WorkflowAlreadyStartedError) as error:
            cancelled = is_cancelled_exception(error)
            say = workflow.logger.info if cancelled else workflow.logger.warning
            say("epic %s ended by force: %s", epic.key, error.__cause__ or error)
            # Of a sprint that is cancelled, nobody waits for the stories of a cancelled epic.
            if not cancelled or workflow.cancellation_reason() is None:
                await self._end_by_force(epic.key)
        self._started[epic.key] = self._ended[epic.key] = True

    async def _end_by_force(self, epic: str) -> None:
        """Nobody may wait for stories of an epic that starts none any more, and none may run on unseen."""
        batch = await workflow.execute_activity_method(
            LostActivities.end_epic,
            EpicStep(project=self._in.project, revision=self._in.revision, sprint=self._in.sprint, epic=epic),
            start_to_close_timeout=GIT,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=ALWAYS,
            summary=f"end what is left of {epic}"[:200],
        )
        self.stories_settled(batch)

    async def _cancel_epics(self) -> None:
        if self._in.epics_started:
            await self._cancel_inherited()
            return
        for epic in self._outline.epics:
            if epic.key not in self._ended:
                # An epic cannot be cancelled before it has started, and would then run on.
                await workflow.wait_condition(lambda key=epic.key: key in self._started)
                try:
                    await workflow.get_external_workflow_handle(self._epic_id(epic.key)).cancel()
                except ApplicationError:
                    workflow.logger.info("epic %s had ended before it could be cancelled", epic.key)
        # Of an amended plan that was not looked at, nothing begins any more.
        await workflow.wait_condition(self._all_ended)

    async def _cancel_inherited(self) -> None:
        """After continue-as-new: these epics' ends cannot be awaited as those of children can."""
        if not self._outline.epics:
            self._outline = await self._load()
        left = [epic.key for epic in self._outline.epics if epic.key not in self._ended]
        await asyncio.gather(*(self._end_by_force(key) for key in left))

    @workflow.signal(name="stories-settled")
    def stories_settled(self, batch: SettledBatch) -> None:
        """Stories of one epic that stories of other epics depend on."""
        for settled in batch.stories:
            for epic in settled.notify:
                onward = StorySettled(story=settled.story, state=settled.state)
                self._mail.setdefault(epic, []).append(onward)

    @workflow.signal(name="epic-ended")
    def epic_ended(self, epic: str) -> None:
        """An epic's own word of its end; after continue-as-new it is the only one."""
        self._ended[epic] = True

    # Steering ---

    def _scope(self) -> SteerScope:
        return SteerScope.SPRINT

    def _steered(self) -> SprintInput:
        return self._in

    def _knows_children(self) -> bool:
        return self._loaded

    def _woken(self) -> None:
        self._show()

    def _target(self, steer: Steer) -> dict[str, Any]:
        return {"scope": SteerScope.SPRINT, "sprint": self._in.sprint}

    def _standing(self, steer: Steer) -> Standing:
        if self._in.ending is not None or workflow.cancellation_reason() is not None:
            state = PartState.ENDING
        elif self._outline.epics and self._finished() and not self._measures.under_way:
            state = PartState.ENDED
        else:
            state = PartState.PAUSED if self._own() else PartState.RUNNING
        return Standing(
            scope=SteerScope.SPRINT,
            name=called("Sprint", self._in.sprint),
            state=state,
            paused=bool(self._own()),
            held_by=self._above(),
        )

    async def _do(self, steer: Steer, effect: str) -> SteerRecorded:
        if steer.action in ENDS:
            self._in.ending = steer
        elif steer.action in (SteerAction.PAUSE, SteerAction.RESUME):
            self._hold(steer.action)
        recorded = await self._record(steer, effect)
        if steer.action in ENDS:
            keys = [epic.key for epic in self._outline.epics]
            await asyncio.gather(*(self._signal_epic(key, "steer", passed_on(steer, key)) for key in keys))
        else:
            await self._tell_children()
        return recorded

    async def _tell_children(self) -> None:
        above, keys = self._from_above(), [epic.key for epic in self._outline.epics]
        await asyncio.gather(*(self._signal_epic(key, "held", above) for key in keys))

    async def _signal_epic(self, epic: str, signal: str, argument: Any) -> None:
        # An epic cannot be told before it has started, and began with what was known before.
        inherited = self._in.epics_started
        await workflow.wait_condition(lambda: inherited or epic in self._started or epic in self._ended)
        if epic in self._ended:
            return
        try:
            await workflow.get_external_workflow_handle(self._epic_id(epic)).signal(signal, argument)
        except ApplicationError:
            workflow.logger.info("epic %s had ended before it could be told", epic)

    def _epic_id(self, epic: str) -> str:
        return ids.epic_workflow_id(self._in.project, self._in.sprint, epic)

    def _show(self) -> None:
        goal = f"{self._outline.goal}\n\n" if self._outline.goal else ""
        goal = f"**paused**\n\n{goal}" if self._is_held() else goal
        branch = f"Branch: `{self._outline.branch}`\n\n" if self._outline.branch else ""
        lines = [
            f"- [{'x' if epic.key in self._ended else ' '}] {epic.key}: {epic.title} ({_stories(epic)})"
            for epic in self._outline.epics[:100]
        ]
        workflow.set_current_details((goal + branch + "\n".join(lines))[:15_000])


def _stories(epic: EpicRef) -> str:
    return "1 story" if epic.stories == 1 else f"{epic.stories} stories"
