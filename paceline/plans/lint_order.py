"""Findings about the order of a plan: sprints and phases against dependencies, files shared at one time."""

from __future__ import annotations

from collections.abc import Iterator

from paceline.domain.graph import Edges
from paceline.domain.plan import Finding, Phase, Plan, Story
from paceline.domain.schedule import contended, lock_patterns
from paceline.plans.findings import Code, finding

_SHOWN = 6
"""Ids that one sentence lists."""


def check_sprints(plan: Plan, edges: Edges) -> Iterator[Finding]:
    """Stories that wait for a story of a later sprint, which would be for ever."""
    if len(plan.sprints) < 2:
        return
    place = {sprint.id: number for number, sprint in enumerate(plan.sprints)}
    first = {
        story.id: min((place.get(sprint, 0) for sprint in story.sprints), default=0) for story in plan.stories
    }
    last = {
        story.id: max((place.get(sprint, 0) for sprint in story.sprints), default=0) for story in plan.stories
    }
    for story in plan.stories:
        later = [before for before in edges[story.id] if first[before] > last[story.id]]
        if later:
            yield finding(
                Code.SPRINT_ORDER_AGAINST_DEPENDENCY,
                f"`{story.id}` waits for {listed(later)}, which is in a later sprint.",
                "Move one of them, or delete the dependency.",
                story.line,
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


def check_shared_files(plan: Plan, waves: list[list[str]]) -> Iterator[Finding]:
    """Files that several stories of one wave want: they take turns."""
    stories = {story.id: story for story in plan.stories}
    for number, wave in enumerate(waves, 1):
        wanted = {story: lock_patterns(stories[story], plan) for story in wave if not stories[story].done}
        for contention in contended(wanted):
            yield finding(
                Code.FILES_SHARED_IN_WAVE,
                f"{listed(contention.stories)} could run at the same time (wave {number}), and all change "
                f"`{contention.pattern}`: they take turns.",
                "Split the file or add a dependency if the order matters.",
                stories[contention.stories[0]].files_line or stories[contention.stories[0]].line,
            )


def listed(ids: list[str]) -> str:
    """Ids for a sentence; of many, the first ones and how many there are."""
    shown = ", ".join(f"`{each}`" for each in ids[:_SHOWN])
    return shown if len(ids) <= _SHOWN else f"{shown} and {len(ids) - _SHOWN} more"


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
    return finding(
        Code.PHASE_AGAINST_DEPENDENCY,
        f"`{story.id}` is in {what}: the dependency holds.",
        "Move the story to a later phase or step, or delete the dependency.",
        story.line,
    )
