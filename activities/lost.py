"""What is left of workflows that were closed from outside: ended, waited for, and settled story by story."""

from __future__ import annotations

import asyncio

from temporalio import activity
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.claims import settle_closed
from activities.context import ActivityContext, RunContext
from activities.heartbeat import heartbeating
from activities.merges import note_merge
from activities.outlines import dependants, stories_of
from activities.reports import has_clock
from paceline.contracts import Done, EpicStep, SettledBatch, SprintStep, StorySettled
from paceline.domain import ids
from paceline.domain.plan import Story
from paceline.domain.states import StoryState

_LOOK_AGAIN = 0.2
_CLOSED_ABOVE = "the workflow of its epic or sprint was closed from outside"


class LostActivities:
    """End what nobody can await. `Terminate` runs no clean-up, and children outlive their parents."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="end-epic")
    async def end_epic(self, step: EpicStep) -> SettledBatch:
        """Cancel an epic and its stories, wait for their ends, and settle those that never started.

        Returns:
            Every story of the epic with its state, for the epics that depend on it.
        """
        run = await self._context.run(step.project, step.revision)
        async with heartbeating():
            await self._close(ids.epic_workflow_id(step.project, step.sprint, step.epic))
            return await self._end_stories(run, step.sprint, _stories_of_epic(run, step))

    @activity.defn(name="end-sprint")
    async def end_sprint(self, step: SprintStep) -> Done:
        """The same for a whole sprint."""
        run = await self._context.run(step.project, step.revision)
        stories = stories_of(run, step.sprint)
        epics = dict.fromkeys(run.epic_of(story) for story in stories)
        async with heartbeating():
            await self._close(ids.sprint_workflow_id(step.project, step.sprint))
            names = [ids.epic_workflow_id(step.project, step.sprint, epic) for epic in epics]
            await asyncio.gather(*(self._close(name) for name in names))
            await self._end_stories(run, step.sprint, stories)
            if has_clock(run):
                await self._close(ids.clock_workflow_id(step.project, step.sprint))
        return Done()

    async def _end_stories(self, run: RunContext, sprint: str, stories: list[Story]) -> SettledBatch:
        await asyncio.gather(*(self._close(run.workflow_id(story)) for story in stories))
        notify = dependants(run, sprint)
        settled: list[StorySettled] = []
        for story in stories:
            await note_merge(self._context, run, story)
            ended = await self._context.database.write(
                settle_closed, run, story, StoryState.CANCELLED, _CLOSED_ABOVE
            )
            await self._context.tell(ended.grants)
            others = sorted(notify.get(story.id, set()) - {run.epic_of(story)})
            settled.append(StorySettled(story=story.id, state=ended.state, notify=others))
        return SettledBatch(stories=settled)

    async def _close(self, workflow_id: str) -> None:
        """Cancel a workflow unless it is closed, and wait for its end."""
        asked = False
        while await self._context.execution_status(workflow_id) is WorkflowExecutionStatus.RUNNING:
            if not asked:
                await self._cancel(workflow_id)
                asked = True
            await asyncio.sleep(_LOOK_AGAIN)

    async def _cancel(self, workflow_id: str) -> None:
        try:
            await self._context.client.get_workflow_handle(workflow_id).cancel()
        except RPCError as error:
            # It may have ended between the look and the request.
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise


def _stories_of_epic(run: RunContext, step: EpicStep) -> list[Story]:
    return [story for story in stories_of(run, step.sprint) if run.epic_of(story) == step.epic]
