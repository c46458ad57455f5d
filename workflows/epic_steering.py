"""An epic that people steer: itself, and those of its stories that have not started or have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.policies import ALWAYS, SHORT
from workflows.steering import ELSEWHERE, Steerable, passed_on, refused

with workflow.unsafe.imports_passed_through():
    from activities.steering import SteeringActivities
    from paceline.contracts import EpicInput, EpicSlice, StoryRef, StorySettled
    from paceline.domain import ids
    from paceline.domain.states import SUCCESS_STATES, StoryState
    from paceline.domain.steering import (
        ENDS,
        PartState,
        Standing,
        Steer,
        SteerAction,
        SteerScope,
    )
    from paceline.domain.steering_steps import EndStep, ReopenStep, SteerRecorded
    from paceline.domain.texts import called


class SteeredEpic(Steerable):
    """What an epic knows of its stories, and what people change of that."""

    def __init__(self, start: EpicInput) -> None:
        super().__init__()
        self._in = start
        self._slice = EpicSlice(title=start.title, stories=[])
        self._settled = {each.story: each.state for each in start.settled}
        self._running = dict.fromkeys(start.running, True)
        self._started = dict.fromkeys(start.running, True)
        self._loaded = False
        self._outbox: list[StorySettled] = []
        self._changed = True
        self._seen = start.amended
        """The amendment of the plan that its stories are of."""
        self._reserved = ""
        """A story that a person changes just now; it does not start meanwhile."""
        self._taken_back: list[str] = []
        """Stories of other epics that had ended and go on; who was blocked by them waits again."""

    def _finished(self) -> bool:
        # What a person does just now may open a story again.
        settled = all(story.key in self._settled for story in self._slice.stories)
        quiet = not self._steering.locked() and not self._taken_back
        return settled and quiet and self._in.amended == self._seen

    def _may_start(self, key: str) -> bool:
        """Whether nobody holds the story back."""
        held = self._is_held() or key in self._in.held or key == self._reserved
        return not held and self._in.ending is None

    def _take(self, settled: StorySettled) -> None:
        """A story ended; or, as a pending one, one of another epic that had ended goes on."""
        if settled.state is StoryState.PENDING:
            if self._settled.pop(settled.story, None) is not None:
                self._taken_back.append(settled.story)
                self._changed = True
            return
        if settled.story in self._settled:
            return
        self._settled[settled.story] = settled.state
        self._running.pop(settled.story, None)
        if settled.notify:
            self._outbox.append(settled)
        self._changed = True

    def _story_id(self, key: str) -> str:
        return ids.story_workflow_id(self._in.project, self._in.sprint, self._in.epic, key)

    def _knows_children(self) -> bool:
        return self._loaded

    # Where things stand ---

    def _scope(self) -> SteerScope:
        return SteerScope.EPIC

    def _steered(self) -> EpicInput:
        return self._in

    def _woken(self) -> None:
        self._changed = True

    def _target(self, steer: Steer) -> dict[str, Any]:
        scope = SteerScope.STORY if steer.story else SteerScope.EPIC
        return {
            "scope": scope,
            "sprint": self._in.sprint,
            "epic": self._in.epic,
            "story": steer.story,
            "started": False,
        }

    def _standing(self, steer: Steer) -> Standing:
        if steer.story:
            return self._standing_of(steer.story)
        if self._in.ending is not None or workflow.cancellation_reason() is not None:
            state = PartState.ENDING
        elif self._slice.stories and all(story.key in self._settled for story in self._slice.stories):
            state = PartState.ENDED
        else:
            state = PartState.PAUSED if self._own() else PartState.RUNNING
        return Standing(
            scope=SteerScope.EPIC,
            name=called("Epic", self._in.epic),
            state=state,
            paused=bool(self._own()),
            held_by=self._above(),
        )

    def _standing_of(self, key: str) -> Standing:
        if key not in {story.key for story in self._slice.stories}:
            raise refused(f"{called('Epic', self._in.epic)} has no story {key} in {self._in.sprint}.")
        if key in self._running:
            raise refused(f"{key} is just starting or ending; ask again in a moment.", ELSEWHERE)
        ended = all(story.key in self._settled for story in self._slice.stories)
        if self._in.ending is not None or workflow.cancellation_reason() is not None or ended:
            raise refused(
                f"{called('Epic', self._in.epic)} has ended or is ending, and {key} with it; "
                "run the plan again."
            )
        return Standing(
            scope=SteerScope.STORY,
            name=key,
            state=self._settled.get(key, StoryState.PENDING),
            paused=key in self._in.held,
            held_by=tuple(self._in.paused),
        )

    # What is done ---

    async def _do(self, steer: Steer, effect: str) -> SteerRecorded:
        if steer.story:
            return await self._do_to_story(steer, effect)
        if steer.action in ENDS:
            return await self._end_all(steer, effect)
        self._hold(steer.action)
        recorded = await self._record(steer, effect)
        await self._tell_children()
        return recorded

    async def _do_to_story(self, steer: Steer, effect: str) -> SteerRecorded:
        self._reserved = steer.story
        try:
            recorded = await self._record(steer, effect)
            if steer.action in ENDS:
                await self._end_stories(steer, [steer.story])
            elif steer.action is SteerAction.RETRY:
                await self._start_again(steer)
            elif steer.action in (SteerAction.PAUSE, SteerAction.RESUME):
                others = [key for key in self._in.held if key != steer.story]
                self._in.held = [*others, *([steer.story] if steer.action is SteerAction.PAUSE else [])]
            else:
                self._change(steer.story, recorded)
        finally:
            self._reserved = ""
        return recorded

    def _change(self, key: str, recorded: SteerRecorded) -> None:
        """The story starts with other agents, or at another place."""
        values = {"agent": recorded.agent, "weight": recorded.weight, "rank": recorded.rank}
        self._slice.stories = [
            story.model_copy(update=values) if story.key == key else story for story in self._slice.stories
        ]

    async def _end_all(self, steer: Steer, effect: str) -> SteerRecorded:
        self._in.ending = steer
        recorded = await self._record(steer, effect)
        keys = [story.key for story in self._slice.stories]
        pending = [key for key in keys if key not in self._settled and key not in self._running]
        if pending:
            await self._end_stories(steer, pending)
        await asyncio.gather(
            *(self._signal_story(key, "steer", passed_on(steer, key)) for key in list(self._running))
        )
        return recorded

    async def _end_stories(self, steer: Steer, keys: Sequence[str]) -> None:
        await workflow.execute_local_activity_method(
            SteeringActivities.end_stories,
            EndStep(
                project=self._in.project,
                revision=self._in.revision,
                steer=steer,
                sprint=self._in.sprint,
                stories=list(keys),
            ),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
        )
        state, _ = ENDS[steer.action]
        refs = self._refs()
        for key in keys:
            was = self._settled.pop(key, None)
            if was is not None and state in SUCCESS_STATES:
                await self._free(key, steer.id)
            self._take(StorySettled(story=key, state=state, notify=refs[key].notify))

    # Starting again ---

    async def _start_again(self, steer: Steer) -> None:
        """Open a story that ended, and those that only it blocked."""
        key = steer.story
        again = await self._free(key, steer.id, reopen=True)
        del self._settled[key]
        self._started.pop(key, None)
        self._in.again[key] = again

    async def _free_blocked(self) -> None:
        """Stories that were blocked by one of another epic that goes on wait again."""
        while self._taken_back:
            key = self._taken_back[0]
            async with self._steering:
                await self._free(key, f"reopened-{self._in.reopenings + 1}-{ids.short_digest(key)}")
            self._taken_back.remove(key)

    async def _free(self, key: str, mark: str, *, reopen: bool = False) -> Any:
        """Let stories wait again that nothing but this one blocked, and say so to the epics behind them."""
        freed = self._blocked_by(key)
        self._in.reopenings += 1
        again = await workflow.execute_local_activity_method(
            SteeringActivities.reopen_stories,
            ReopenStep(
                project=self._in.project,
                revision=self._in.revision,
                sprint=self._in.sprint,
                epic=self._in.epic,
                steer=mark,
                story=key if reopen else "",
                freed=freed,
            ),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
        )
        refs = self._refs()
        for each in [*freed, *([key] if key in refs else [])]:
            if each != key:
                self._settled.pop(each, None)
            if refs[each].notify:
                pending = StorySettled(story=each, state=StoryState.PENDING, notify=refs[each].notify)
                self._outbox.append(pending)
        return again

    def _blocked_by(self, key: str) -> list[str]:
        """Blocked stories behind one, whose other dependencies did not fail."""
        opened = {key: True}
        grew = True
        while grew:
            grew = False
            for story in self._slice.stories:
                if story.key in opened or self._settled.get(story.key) is not StoryState.BLOCKED:
                    continue
                failed = [name for name in story.dependencies if self._failed(name)]
                behind = any(name in opened for name in story.dependencies)
                if behind and all(name in opened for name in failed):
                    opened[story.key] = grew = True
        return [name for name in opened if name != key]

    def _failed(self, key: str) -> bool:
        return key in self._settled and self._settled[key] not in SUCCESS_STATES

    def _refs(self) -> dict[str, StoryRef]:
        return {story.key: story for story in self._slice.stories}

    # Telling stories ---

    async def _tell_children(self) -> None:
        above = self._from_above()
        await asyncio.gather(*(self._signal_story(key, "held", above) for key in list(self._running)))

    async def _signal_story(self, key: str, signal: str, argument: Any) -> None:
        # A story cannot be told before it has started, and began with what was known before.
        await workflow.wait_condition(lambda: key in self._started or key not in self._running)
        try:
            await workflow.get_external_workflow_handle(self._story_id(key)).signal(signal, argument)
        except ApplicationError:
            workflow.logger.info("story %s had ended before it could be told", key)
