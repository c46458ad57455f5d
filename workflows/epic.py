"""The stories of one epic in one sprint: each starts when what it depends on has settled."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)

from workflows.epic_steering import SteeredEpic
from workflows.policies import ALWAYS, SHORT, WORKFLOW_TASK
from workflows.story import StoryWorkflow

with workflow.unsafe.imports_passed_through():
    from activities.claims import ClaimActivities
    from activities.outlines import OutlineActivities
    from activities.status import StatusActivities
    from paceline import search_attributes
    from paceline.contracts import (
        BlockedStories,
        EpicInput,
        EpicResult,
        EpicStep,
        LostStory,
        SettledBatch,
        StoryInput,
        StoryRef,
        StorySettled,
    )
    from paceline.domain import ids
    from paceline.domain.states import SUCCESS_STATES, StoryState

_ONCE = WorkflowIDReusePolicy.REJECT_DUPLICATE
_AGAIN = WorkflowIDReusePolicy.ALLOW_DUPLICATE
_CLOSING = timedelta(seconds=1)


@workflow.defn(name="epic")
class EpicWorkflow(SteeredEpic):
    """Starts stories in dependency order and passes on what settled."""

    @workflow.init
    def __init__(self, start: EpicInput) -> None:
        super().__init__(start)
        self._sending = 0
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._adopted: dict[str, bool] = {}

    @workflow.run
    async def run(self, start: EpicInput) -> EpicResult:
        """Run every story of the slice to its end."""
        try:
            await self._load()
            forwarder = asyncio.create_task(self._forward())
            await self._adopt_running()
            await self._run_stories()
        except (asyncio.CancelledError, ActivityError) as error:
            # A cancellation that meets an activity comes as the activity's error.
            if not is_cancelled_exception(error):
                raise
            await self._cancel_stories()
            await workflow.wait_condition(workflow.all_handlers_finished)
            raise
        # Cancelling the forwarder while it sends would take the signal back.
        await workflow.wait_condition(lambda: not self._outbox and not self._sending)
        forwarder.cancel()
        await self._tell_sprint_of_end()
        await workflow.wait_condition(workflow.all_handlers_finished)
        if workflow.patched("count-epic-at-end"):
            return await self._count()
        return EpicResult(counts=self._counts())

    def _step(self) -> EpicStep:
        return EpicStep(
            project=self._in.project,
            revision=self._in.revision,
            sprint=self._in.sprint,
            epic=self._in.epic,
        )

    async def _load(self) -> None:
        self._slice = await workflow.execute_local_activity_method(
            OutlineActivities.load_epic,
            self._step(),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
        )
        self._loaded = True
        for each in self._slice.settled:
            # Of a story that runs as far as is known here, others are told when its end is taken.
            if each.story not in self._running:
                self._settled.setdefault(each.story, each.state)

    async def _look_again(self) -> None:
        """The plan was amended: stories may have come, gone, or wait for others."""
        self._seen = self._in.amended
        told = {story.key: story.notify for story in self._slice.stories}
        await self._load()
        for story in self._slice.stories:
            # Who waits for it only now was not told when it ended.
            late = [epic for epic in story.notify if epic not in told.get(story.key, [])]
            if late and story.key in self._settled:
                self._outbox.append(
                    StorySettled(story=story.key, state=self._settled[story.key], notify=late)
                )
        stays = self._refs()
        for key in [key for key in self._running if key not in stays]:
            # It began while it was being removed.
            await self._cancel_story(key)

    async def _run_stories(self) -> None:
        while not self._finished():
            await workflow.wait_condition(lambda: self._changed or self._finished())
            self._changed = False
            if self._in.amended > self._seen:
                await self._look_again()
            await self._free_blocked()
            await self._block_unreachable()
            if self._too_long():
                await self._continue_when_quiet()
            else:
                self._start_ready()
            self._show()

    def _ready(self) -> list[StoryRef]:
        """Stories whose dependencies all ended in success, most urgent and most critical first."""
        later = self._later_waves()
        ready = [
            story
            for story in self._slice.stories
            if story.key not in self._settled
            and story.key not in later
            and story.key not in self._running
            and self._may_start(story.key)
            and all(self._settled.get(key) in SUCCESS_STATES for key in story.dependencies)
        ]
        return sorted(ready, key=lambda story: (story.rank, -story.weight))

    def _later_waves(self) -> set[str]:
        """In batch mode: the stories of the waves behind the first one that has not ended."""
        for number, wave in enumerate(self._slice.waves):
            if any(key not in self._settled for key in wave):
                return {key for later in self._slice.waves[number + 1 :] for key in later}
        return set()

    def _start_ready(self) -> None:
        for story in self._ready():
            self._running[story.key] = True
            self._watchers[story.key] = asyncio.create_task(self._watch(story))

    async def _watch(self, story: StoryRef) -> None:
        """Run one story as a child and take its end, however it ended."""
        again = story.key in self._in.again
        try:
            child = await workflow.start_child_workflow(
                StoryWorkflow.run,
                self._story_input(story),
                id=self._story_id(story.key),
                id_reuse_policy=_AGAIN if again else _ONCE,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                task_timeout=WORKFLOW_TASK,
                search_attributes=self._attributes(story),
                static_summary=f"{story.key}: {story.title}"[:200],
            )
            self._started[story.key] = True
            self._changed = True
            state = (await child).state
        except WorkflowAlreadyStartedError:
            if again:
                # It told of its end, and is about to close.
                await workflow.sleep(_CLOSING, summary=f"until {story.key} has closed"[:200])
                await self._watch(story)
                return
            # An earlier run of this epic that was terminated left it behind.
            self._started[story.key] = True
            await self._adopt(story)
            return
        except ChildWorkflowError as error:
            state = await self._ended_by_force(story, error)
        now = self._refs().get(story.key, story)
        self._take(StorySettled(story=story.key, state=state, notify=now.notify))

    async def _ended_by_force(self, story: StoryRef, error: ChildWorkflowError) -> StoryState:
        """A cancelled story has cleaned up; a terminated one could not, so its claim is freed here."""
        if is_cancelled_exception(error):
            return StoryState.CANCELLED
        return await self._lost(story, str(error.cause or error)[:500])

    async def _lost(self, story: StoryRef, reason: str) -> StoryState:
        lost = LostStory(
            project=self._in.project,
            revision=self._in.revision,
            sprint=self._in.sprint,
            epic=self._in.epic,
            story=story.key,
            reason=reason,
        )
        settled = await workflow.execute_activity_method(
            StatusActivities.settle_lost_story,
            lost,
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary=f"{story.key} was lost"[:200],
        )
        return settled.state

    async def _block_unreachable(self) -> None:
        """Stories behind one that did not succeed never start; each says which one."""
        blocked: dict[str, str] = {}
        while True:
            found = self._unreachable()
            if not found:
                break
            for story, cause in found:
                blocked[story.key] = cause
                self._take(StorySettled(story=story.key, state=StoryState.BLOCKED, notify=story.notify))
        if blocked:
            await workflow.execute_local_activity_method(
                ClaimActivities.block_stories,
                BlockedStories(
                    project=self._in.project,
                    revision=self._in.revision,
                    sprint=self._in.sprint,
                    epic=self._in.epic,
                    stories=blocked,
                    round=self._in.reopenings,
                ),
                start_to_close_timeout=SHORT,
                retry_policy=ALWAYS,
            )

    def _unreachable(self) -> list[tuple[StoryRef, str]]:
        found: list[tuple[StoryRef, str]] = []
        for story in self._slice.stories:
            if story.key in self._settled or story.key in self._running:
                continue
            for key in story.dependencies:
                if key in self._settled and self._settled[key] not in SUCCESS_STATES:
                    found.append((story, key))
                    break
        return found

    # Between epics ---

    async def _forward(self) -> None:
        """Pass settled stories on to the sprint, a burst at a time."""
        while True:
            await workflow.wait_condition(lambda: bool(self._outbox))
            await self._flush()

    async def _flush(self) -> None:
        batch, self._outbox = self._outbox, []
        if not batch:
            return
        self._sending += 1
        sprint = ids.sprint_workflow_id(self._in.project, self._in.sprint)
        try:
            await workflow.get_external_workflow_handle(sprint).signal(
                "stories-settled", SettledBatch(stories=batch)
            )
        except ApplicationError:
            workflow.logger.warning("sprint %s is closed and was not told", sprint)
        finally:
            self._sending -= 1
            self._changed = True

    async def _tell_sprint_of_end(self) -> None:
        sprint = ids.sprint_workflow_id(self._in.project, self._in.sprint)
        try:
            await workflow.get_external_workflow_handle(sprint).signal("epic-ended", self._in.epic)
        except ApplicationError:
            workflow.logger.warning("sprint %s is closed and was not told", sprint)

    @workflow.signal(name="stories-settled")
    def stories_settled(self, batch: SettledBatch) -> None:
        """From other epics through the sprint, or from a story that outlived an earlier run of this one."""
        for settled in batch.stories:
            self._take(settled)

    # Long lives ---

    def _too_long(self) -> bool:
        return workflow.info().get_current_history_length() > self._in.history_limit

    async def _continue_when_quiet(self) -> None:
        """Continue as new once every child is known to have started and nothing is left to pass on."""
        await self._flush()
        started = all(key in self._started for key in self._running)
        known = self._in.amended == self._seen
        quiet = known and not self._outbox and not self._sending and not self._taken_back
        if quiet and started and workflow.all_handlers_finished():
            workflow.continue_as_new(self._carried())

    def _carried(self) -> EpicInput:
        settled = [StorySettled(story=key, state=state) for key, state in self._settled.items()]
        return self._in.model_copy(
            update={"settled": settled, "running": list(self._running), "continued": self._in.continued + 1}
        )

    async def _adopt_running(self) -> None:
        """After continue-as-new: ask the stories still running to tell this run of their end."""
        refs = {story.key: story for story in self._slice.stories}
        for key in list(self._running):
            await self._adopt(refs[key])
            self._adopted[key] = True

    async def _adopt(self, story: StoryRef) -> None:
        try:
            await workflow.get_external_workflow_handle(self._story_id(story.key)).signal("settle-by-signal")
        except ApplicationError:
            # It ended in between: what it recorded is its end, and where it recorded none it was lost.
            state = await self._lost(story, "the story's workflow is closed and recorded no end")
            self._take(StorySettled(story=story.key, state=state, notify=story.notify))

    async def _cancel_stories(self) -> None:
        """Children are started to be abandoned, so cancellation is passed on here."""
        for key in list(self._running):
            if key not in self._watchers and key not in self._adopted:
                await self._adopt(StoryRef(key=key, title=key, agent=""))
            await self._cancel_story(key)
        await workflow.wait_condition(lambda: not self._running)

    async def _cancel_story(self, key: str) -> None:
        # A story cannot be cancelled before it has started, and would then run on.
        await workflow.wait_condition(lambda: key in self._started or key in self._settled)
        try:
            await workflow.get_external_workflow_handle(self._story_id(key)).cancel()
        except ApplicationError:
            workflow.logger.info("story %s had ended before it could be cancelled", key)

    # What people see ---

    def _story_input(self, story: StoryRef) -> StoryInput:
        again = self._in.again.get(story.key) or story.again
        gone_on = again.model_dump() if again else {}
        return StoryInput(
            **gone_on,
            paused=self._in.paused,
            project=self._in.project,
            revision=self._in.revision,
            sprint=self._in.sprint,
            epic=self._in.epic,
            story=story.key,
            title=story.title,
            agent=story.agent,
            parent=workflow.info().workflow_id,
            weight=story.weight,
            notify=story.notify,
            history_limit=self._in.history_limit,
        )

    def _attributes(self, story: StoryRef) -> TypedSearchAttributes:
        return search_attributes.of_part(
            self._in.project,
            self._in.sprint,
            self._in.epic,
            search_attributes.keyword(search_attributes.STORY, story.key),
            search_attributes.keyword(search_attributes.AGENT, story.agent),
            SearchAttributePair(search_attributes.STATE, StoryState.WORKING.value),
            SearchAttributePair(search_attributes.ATTEMPT, 1),
        )

    async def _count(self) -> EpicResult:
        """Where the stories are by now: a rollback of a story tells the database, not this workflow."""
        return await workflow.execute_activity_method(
            StatusActivities.count_epic,
            self._step(),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary="count where the stories ended",
        )

    def _counts(self) -> dict[StoryState, int]:
        counts: dict[StoryState, int] = {}
        for story in self._slice.stories:
            state = self._settled[story.key]
            counts[state] = counts.get(state, 0) + 1
        return counts

    def _show(self) -> None:
        lines = [self._line(story) for story in self._slice.stories[:100]]
        if len(self._slice.stories) > len(lines):
            lines.append(f"- and {len(self._slice.stories) - len(lines)} more")
        workflow.set_current_details("\n".join(lines)[:15_000])

    def _line(self, story: StoryRef) -> str:
        state = self._settled.get(story.key)
        if state is not None:
            mark = "x" if state in SUCCESS_STATES else "!"
            return f"- [{mark}] {story.key}: {story.title} ({state.value})"
        if story.key in self._running:
            return f"- [ ] {story.key}: {story.title} (running)"
        if not self._may_start(story.key):
            return f"- [ ] {story.key}: {story.title} (paused)"
        missing = [key for key in story.dependencies if self._settled.get(key) not in SUCCESS_STATES]
        return f"- [ ] {story.key}: {story.title} (waits for {', '.join(missing[:5])})"
