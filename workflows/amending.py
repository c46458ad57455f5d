"""How a run comes to follow an edited plan: one validated Update, and the same as a Signal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.policies import ALWAYS, SHORT

with workflow.unsafe.imports_passed_through():
    from activities.amending import AmendingActivities
    from activities.status import StatusActivities
    from paceline.contracts import ProjectInput, SprintResult, SprintStep
    from paceline.domain.amendment_steps import Amend, AmendReply, AmendStep
    from paceline.domain.states import StoryState

AMENDING = timedelta(minutes=2)
"""Comparing and writing plans of thousands of stories takes seconds."""


class Amendable:
    """The part of a project's workflow that takes edited plans; its subclass names who is to be told."""

    _in: ProjectInput
    _finishing: bool = False
    """Nothing starts any more."""
    _amending: int = 0
    """Amendments that are being applied."""

    def _over(self) -> bool:
        """Whether nothing starts any more."""
        return self._finishing or self._in.ending is not None or workflow.cancellation_reason() is not None

    async def _amended(self) -> None:
        """Wait until what is being applied has been: it may have put work where there was none."""
        await workflow.wait_condition(lambda: not self._amending)

    async def _added_late(self, sprint: str, counts: Mapping[StoryState, int], known: int) -> bool:
        """Whether stories were put into a sprint that was just then ending and did not hear of it.

        Args:
            sprint: its key.
            counts: how its stories ended, when it was counted.
            known: the amendment that it began with.
        """
        while True:
            await self._amended()
            newest = self._in.amended
            if newest <= known:
                return False
            if not workflow.patched("count-after-amendment"):
                break
            # What was put into it after it had been counted was not counted.
            counts = (await self._count_stories(sprint)).counts
            if newest == self._in.amended and not self._amending:
                break
        return counts.get(StoryState.PENDING, 0) > 0

    async def _count_stories(self, sprint: str) -> SprintResult:
        return await workflow.execute_activity_method(
            StatusActivities.count_stories,
            SprintStep(project=self._in.project, revision=self._in.revision, sprint=sprint),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary=f"what of {sprint} has not begun"[:200],
        )

    async def _tell_children(self) -> None:
        """Let the workflows below know of it."""
        raise NotImplementedError

    @workflow.update(name="amend")
    async def amend(self, amend: Amend) -> AmendReply:
        """Follow an edited plan from now on, unless something of it cannot be."""
        return await self._apply(amend)

    async def _apply(self, amend: Amend) -> AmendReply:
        self._amending += 1
        try:
            reply = await workflow.execute_activity_method(
                AmendingActivities.amend_plan,
                AmendStep(
                    project=self._in.project,
                    revision=self._in.revision,
                    amend=amend,
                    ended_sprints=list(self._in.done_sprints),
                ),
                start_to_close_timeout=AMENDING,
                retry_policy=ALWAYS,
                summary=f"amend the plan: {amend.actor}"[:200],
            )
            if reply.applied:
                self._in.revision = max(reply.revision, self._in.revision)
                self._in.amended = max(reply.revision, self._in.amended)
                await self._tell_children()
            return reply
        finally:
            self._amending -= 1

    @amend.validator
    def _check_amend(self, amend: Amend) -> None:
        if self._over():
            raise ApplicationError(
                f"Run {self._in.project} is ending, so its plan cannot change any more; start a new run.",
                type="REFUSED",
                non_retryable=True,
            )

    @workflow.signal(name="amend")
    async def amend_by_signal(self, amend: Amend) -> None:
        """The same by signal; what cannot be changes nothing."""
        if not self._over():
            await self._apply(amend)
