"""Findings about the order of a plan: sprints, phases and done marks against dependencies."""

from __future__ import annotations

from collections.abc import Iterator

from paceline.domain.graph import Edges
from paceline.domain.plan import Finding, Phase, Plan, Story
from paceline.plans.findings import Code, finding_at
from paceline.plans.lint_references import listed


def check_sprints(plan: Plan, edges: Edges) -> Iterator[Finding]:
    """Stories that wait for a story of a later sprint, which would be for ever, or of an optional one."""
    if len(plan.sprints) < 2:
        return
    place = {sprint.id: number for number, sprint in enumerate(plan.sprints)}
    # A story runs in the first sprint that names it, also where its points are spread over several.
    places = {
        story.id: min((place.get(sprint, 0) for sprint in story.sprints), default=0) for story in plan.stories
    }
    optional = {sprint.id for sprint in plan.sprints if sprint.optional}
    sprints = {story.id: story.sprints for story in plan.stories}
    for story in plan.stories:
        later = [before for before in edges[story.id] if places[before] > places[story.id]]
        if later:
            yield finding_at(
                story,
                Code.SPRINT_ORDER_AGAINST_DEPENDENCY,
                f"`{story.id}` waits for {listed(later)}, which is in a later sprint.",
                "Move one of them, or delete the dependency.",
            )
        if optional and not (story.done or _all_in(story.sprints, optional)):
            perhaps = [
                each for each in edges[story.id] if each not in later and _all_in(sprints[each], optional)
            ]
            if perhaps:
                yield finding_at(
                    story,
                    Code.DEPENDENCY_ON_OPTIONAL,
                    f"`{story.id}` waits for {listed(perhaps)} of an optional sprint, which may be left out.",
                    "Move what is needed to a sprint that always runs, or delete the dependency.",
                )


def check_phases(plan: Plan, edges: Edges) -> Iterator[Finding]:
    """Phases that say another order than the dependencies; the dependencies win."""
    place = {phase.id: number for number, phase in enumerate(plan.phases)}
    phases = {phase.id: phase for phase in plan.phases}
    phase_of = {story.id: story.phase for story in plan.stories if story.phase in place}
    steps = {phase.id: {step.story: n for n, step in enumerate(phase.steps)} for phase in plan.phases}
    for story in plan.stories:
        own = phase_of.get(story.id)
        if own is None:
            continue
        before = [each for each in edges[story.id] if each in phase_of]
        later = [each for each in before if place[phase_of[each] or ""] > place[own]]
        if later:
            yield _against(story, f"{own}, and waits for {listed(later)} of a later phase")
        together = [each for each in before if phase_of[each] == own]
        yield from _within(story, phases[own], together, steps[own])


def check_done(plan: Plan, edges: Edges) -> Iterator[Finding]:
    """Stories that are done before what they wait for, and boxes that say otherwise than their story."""
    done = {story.id for story in plan.stories if story.done}
    for story in plan.stories:
        open_ones = [each for each in edges[story.id] if each not in done] if story.done else []
        if open_ones:
            yield finding_at(
                story,
                Code.DONE_BEFORE_DEPENDENCY,
                f"`{story.id}` is done, and it waits for {listed(open_ones)}, which is not.",
                "Correct the mark that is wrong, or delete the dependency.",
            )
        yield from _boxes(story)


def _boxes(story: Story) -> Iterator[Finding]:
    boxes = [each for each in [*story.tasks, *story.acceptance_criteria] if each.done is not None]
    unticked = [each for each in boxes if not each.done]
    if story.done and unticked:
        count = f"open: {len(unticked)} of {len(boxes)}"
        says = f"`{story.id}` is done, and its boxes are not all ticked ({count})"
        line = unticked[0].line
    elif story.done is False and boxes and not unticked:
        says = f"`{story.id}` is not done, and its boxes are all ticked"
        line = story.line
    else:
        return
    yield finding_at(
        story,
        Code.DONE_MARKS_DIFFER,
        f"{says}; the story's own mark holds.",
        "Tick what is done, and nothing else.",
        line,
    )


def _all_in(sprints: list[str], optional: set[str]) -> bool:
    return bool(sprints) and optional.issuperset(sprints)


def _within(
    story: Story, phase: Phase, together: list[str], steps: dict[str | None, int]
) -> Iterator[Finding]:
    if not together:
        return
    if phase.mode in {"parallel", "parallel+collaborative"}:
        yield _against(story, f"{phase.id}, which is parallel, and waits for {listed(together)} of the same")
    elif phase.mode == "sequential" and story.id in steps:
        later = [each for each in together if steps.get(each, -1) > steps[story.id]]
        if later:
            yield _against(story, f"{phase.id} before {listed(later)}, for which it waits")


def _against(story: Story, what: str) -> Finding:
    return finding_at(
        story,
        Code.PHASE_AGAINST_DEPENDENCY,
        f"`{story.id}` is in {what}: the dependency holds.",
        "Move the story to a later phase or step, or delete the dependency.",
    )
