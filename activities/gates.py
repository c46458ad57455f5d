"""The gates of a sprint: commands of its definition of ready or done, and what is left for a person."""

from __future__ import annotations

from sqlalchemy.orm import Session
from temporalio import activity

from activities.branch_checks import on_branch
from activities.context import ActivityContext, RunContext
from activities.heartbeat import heartbeating
from activities.outlines import stories_of
from paceline.contracts import GateReport, GateStep
from paceline.domain import ids
from paceline.domain.events import EventDraft, EventType
from paceline.domain.gates import Gate, gate_items, gate_question, readiness
from paceline.domain.plan import Item
from paceline.store import events


class GateActivities:
    """Look at the gates that a plan writes."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="check-gate")
    async def check_gate(self, step: GateStep) -> GateReport:
        """Run the commands of a gate on the sprint's branch; the rest is for a person to answer."""
        run = await self._context.run(step.project, step.revision)
        items = gate_items(run.plan, step.sprint, Gate(step.gate))
        async with heartbeating():
            passed = await self._passed(run, step, [item.command for item in items if item.command])
        good = [item for item in items if item.command in passed]
        bad = [item for item in items if item.command and item.command not in passed]
        left = [item for item in items if not item.command]
        await self._context.database.write(_record, step, good, bad, left)
        facts = readiness(stories_of(run, step.sprint)) if step.gate == Gate.READY else []
        return GateReport(question=gate_question(step.sprint, Gate(step.gate), good, bad, left, facts))

    async def _passed(self, run: RunContext, step: GateStep, commands: list[str]) -> set[str]:
        if not commands or run.run.repository is None:
            return set()
        root = self._context.settings.artifact_root
        logs = root / step.project / "gates" / f"{ids.slug(step.sprint)}-{step.gate}"
        async with on_branch(self._context, run, step.sprint) as checkout:
            runs = await checkout.run(commands, logs)
        return {each.command for each in runs if each.passed}


def _record(
    session: Session, step: GateStep, passed: list[Item], failed: list[Item], left: list[Item]
) -> None:
    draft = EventDraft(
        key=f"{step.project}#gate#{step.sprint}#{step.gate}",
        type=EventType.WORKFLOW_EVENT,
        name="gate.checked",
        data={
            "sprint": step.sprint,
            "gate": step.gate,
            "passed": [item.text[:300] for item in passed[:100]],
            "failed": [item.text[:300] for item in failed[:100]],
            "open": [item.text[:300] for item in left[:100]],
        },
    )
    events.append_events(session, step.project, [draft])
