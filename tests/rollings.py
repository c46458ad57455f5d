"""Rollbacks of stories that landed by their activities, step by step without their workflow."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from temporalio.testing import ActivityEnvironment

from activities.claims import ClaimActivities
from activities.context import ActivityContext
from activities.rollback import RollbackActivities
from paceline.contracts import SettleStep
from paceline.domain.rollback import Rollback, RollbackKind
from paceline.domain.rollback_steps import (
    RollbackClaim,
    RollbackClaimReply,
    RollbackMake,
    RollbackReport,
    RollbackStep,
)
from paceline.domain.states import StoryState
from paceline.store import rollbacks
from tests.landings import Landings


class RollingBack:
    """One rollback of one story, up to its claim; `make` is the step that moves the branch."""

    def __init__(self, landings: Landings, step: RollbackMake) -> None:
        self._landings = landings
        self.step = step

    @staticmethod
    async def of(landings: Landings, story: str) -> RollingBack:
        """Record it, look what it would change, and take its claim; the story has merged and settled."""
        project, database = landings.run.id, landings.world.database
        kind, at = RollbackKind.STORY, datetime.now(UTC)
        asked, _ = await database.write(rollbacks.ask_rollback, project, kind, story, "ada", "ada", at)
        steps = RollbackActivities(landings.context)
        named = RollbackStep(project=project, number=asked.number)
        survey = await ActivityEnvironment().run(steps.survey_rollback, named)
        assert survey.confirmed_by == "ada", survey
        claim = RollbackClaim(project=project, number=asked.number, round=1, choice="all")
        reply: RollbackClaimReply = await ActivityEnvironment().run(steps.claim_rollback, claim)
        assert reply.fence is not None, reply
        step = RollbackMake(
            **claim.model_dump(),
            fence=reply.fence,
            fingerprint=survey.fingerprints["all"],
            decided_by="ada",
        )
        return RollingBack(landings, step)

    def elsewhere(self, context: ActivityContext) -> RollingBack:
        """The same rollback as another worker sees it."""
        return RollingBack(self._landings.elsewhere(context), self.step)

    async def make(self, landing: str = "rollback") -> RollbackReport:
        """Move the branch; the same `landing` again is a repeat of the same activity."""
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(environment.info, activity_id=landing)
        return await environment.run(RollbackActivities(self._landings.context).make_rollback, self.step)

    async def row(self) -> Rollback:
        """What is recorded of it."""
        database = self._landings.world.database
        return await database.read(rollbacks.get_rollback, self.step.project, self.step.number)


async def settle(landings: Landings, story: str) -> None:
    """End a story that has merged, as its workflow does; its claim is given back."""
    step = SettleStep(**landings.names(story), state=StoryState.MERGED, attempts=1)
    await ActivityEnvironment().run(ClaimActivities(landings.context).settle_story, step)
