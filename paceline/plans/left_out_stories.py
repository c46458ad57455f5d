"""Stories of a whole plan whose status says that they are not to be done now."""

from __future__ import annotations

from paceline.domain.plan import Dependency, Fact, Finding, Plan, Story
from paceline.plans.findings import Code, finding, in_order
from paceline.plans.labels import Words
from paceline.plans.left_out import LeftOut, left_out, left_out_in_text

_STATUS = Words("status")


def without_left_out(plan: Plan) -> Plan:
    """The plan without stories whose status is a word such as `cancelled` or `deferred`.

    Args:
        plan: whose readers keep a story's status among its facts.

    Returns:
        The same plan where there are none; else one in which each is a fact with a warning, and nothing waits
        for what is cancelled.
    """
    states: dict[str, LeftOut] = {}
    for fact in plan.facts:
        if fact.section and fact.name and fact.name in _STATUS and isinstance(fact.value, str):
            state = left_out(fact.value)
            if state is not None:
                states[fact.section] = state
    for story in plan.stories:
        state = left_out_in_text(story.title)
        if state is not None:
            states.setdefault(story.id, state)
    gone: dict[str, tuple[Story, LeftOut]] = {
        story.id: (story, states[story.id]) for story in plan.stories if story.id in states and not story.done
    }
    if not gone:
        return plan
    warnings = [_told(story, state, plan) for story, state in gone.values()]
    plan.facts = sorted([*plan.facts, *(_fact(*each) for each in gone.values())], key=lambda f: f.line or 0)
    plan.stories = [story for story in plan.stories if story.id not in gone]
    for epic in plan.epics:
        epic.stories = [identity for identity in epic.stories if identity not in gone]
    for story in plan.stories:
        kept: list[Dependency] = []
        for each in story.dependencies:
            named = [gone[name] for name in each.resolved if name in gone]
            warnings.extend(_awaited(story, each, other, state, plan) for other, state in named)
            each.resolved = [name for name in each.resolved if name not in gone]
            kept.extend([each] if each.resolved or not named else [])
        story.dependencies = kept
    plan.warnings = in_order([*plan.warnings, *warnings])
    return plan


def _fact(story: Story, state: LeftOut) -> Fact:
    value = {"state": state, **story.model_dump(mode="json", exclude_defaults=True)}
    return Fact(section=story.id, name="left out", value=value, line=story.line)


def _told(story: Story, state: LeftOut, plan: Plan) -> Finding:
    return finding(
        Code.TASK_LEFT_OUT,
        f"`{story.id}` is {state}, so it is not scheduled: `{story.title}`.",
        "Nothing, if that is meant; else write an open status.",
        story.line,
        plan.source.file,
    )


def _awaited(story: Story, dependency: Dependency, other: Story, state: LeftOut, plan: Plan) -> Finding:
    cancelled = state == "cancelled"
    return finding(
        Code.DEPENDENCY_CANCELLED if cancelled else Code.DEPENDENCY_DEFERRED,
        f"`{story.id}` waits for `{other.id}`, which is {state}"
        + (", so it is not awaited." if cancelled else " and would be awaited for ever."),
        f"Write what `{story.id}` really needs, or delete the dependency.",
        dependency.line or story.line,
        plan.source.file,
    )
