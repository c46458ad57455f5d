"""The clock of a sprint on a real Temporal server: every report once, whatever is killed."""

from __future__ import annotations

from collections import Counter

from paceline.domain.reports import Report, ReportKind
from paceline.domain.work import AgentDeclaration
from paceline.store import reports
from tests.sample_plans import E, S, plan
from tests.world import World

SECOND = {"reports": True, "day_length": "1s"}
SLOW = {"*": AgentDeclaration(kind="simulated", simulated_seconds=(1.2, 1.6), concurrency=1)}
CHAIN = [E("1", [S("1.1", points=3), S("1.2", "Story 1.1", points=5)]), E("2", [S("2.1", points=2)])]


async def stored(world: World, project: str) -> list[Report]:
    """All reports of a run, oldest first."""
    return (await world.database.read(reports.reports_of, project))[::-1]


async def test_every_report_is_made_once(world: World, name: str) -> None:
    async with world.workers():
        run = await world.start(plan(*CHAIN), project=name, agents=SLOW, calendar=SECOND)
        await world.result(run.id)
    made = await stored(world, run.id)
    kinds = Counter(report.kind for report in made)
    assert kinds[ReportKind.PLANNING] == kinds[ReportKind.REVIEW] == kinds[ReportKind.RETROSPECTIVE] == 1
    assert kinds[ReportKind.STANDUP] == kinds[ReportKind.DAILY] >= 3
    assert kinds[ReportKind.VELOCITY] >= 1
