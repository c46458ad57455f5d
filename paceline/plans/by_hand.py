"""A normal form that a person wrote: what a reader would work out, and nobody should have to write."""

from __future__ import annotations

from paceline.domain.plan import Dependency, Epic, Finding, Plan, Sprint
from paceline.plans.findings import in_order
from paceline.plans.resolve import DependencyReader
from paceline.plans.targets import Target, Targets


def complete(plan: Plan) -> Plan:
    """The plan with its dependencies resolved, and every story in a sprint and an epic.

    What is written holds: a dependency that says what it resolves to, and the stories that an epic lists.

    Args:
        plan: as it was written; it is changed.
    """
    remarks = resolve_open(plan)
    if any(not story.sprints for story in plan.stories):
        plan.sprints.append(Sprint(id="Sprint", implicit=True))
        for story in plan.stories:
            story.sprints = story.sprints or [plan.sprints[-1].id]
    _put_into_epics(plan)
    plan.warnings = in_order([*plan.warnings, *remarks])
    return plan


def resolve_open(plan: Plan) -> list[Finding]:
    """Resolve the dependencies that do not say what they resolve to; returns what is doubtful about them."""
    targets = [Target(story.id, story.title, "story") for story in plan.stories]
    targets += [Target(epic.id, epic.title, "epic") for epic in plan.epics if not epic.implicit]
    reader = DependencyReader(Targets(targets))
    for part in (*plan.stories, *plan.epics):
        known = len(reader.warnings)
        resolved: list[Dependency] = []
        for each in part.dependencies:
            again = reader.read(each.as_written, each.line or part.line or 1) if not each.resolved else []
            resolved.extend(again or [each])
        part.dependencies = resolved
        for remark in reader.warnings[known:]:
            remark.file = part.file
    return reader.warnings


def _put_into_epics(plan: Plan) -> None:
    members = {story: epic.id for epic in plan.epics for story in epic.stories}
    for story in plan.stories:
        story.epic = story.epic or members.get(story.id)
    if any(story.epic is None for story in plan.stories):
        epic = Epic(id="Epic", title="Stories", implicit=True)
        plan.epics.append(epic)
        for story in plan.stories:
            story.epic = story.epic or epic.id
    for epic in plan.epics:
        listed = [story.id for story in plan.stories if story.epic == epic.id]
        epic.stories = list(dict.fromkeys([*epic.stories, *listed]))
