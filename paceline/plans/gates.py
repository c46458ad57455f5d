"""What "Epic 1 (partial)" waits for: decided by the order of the phases, and said so."""

from __future__ import annotations

from collections.abc import Sequence

from paceline.domain.plan import Dependency, Epic, Phase, Story
from paceline.plans.findings import Code
from paceline.plans.reading import Reading
from paceline.plans.resolve import PARTIAL
from paceline.plans.targets import key


def decide_gates(
    epics: Sequence[Epic], stories: Sequence[Story], phases: Sequence[Phase], reading: Reading
) -> None:
    """Narrow partial dependencies on epics to the stories of an earlier phase than the dependent's.

    Where the phases do not tell, the whole epic is awaited: waiting too long can be seen, an order that is
    lost cannot.
    """
    places = {phase.id: place for place, phase in enumerate(phases)}
    phase_of = {story.id: places.get(story.phase or "") for story in stories}
    members: dict[str, list[str]] = {epic.id: [] for epic in epics}
    for story in stories:
        if story.epic in members:
            members[story.epic].append(story.id)
    for epic in epics:
        begins = _earliest([phase_of[story] for story in members[epic.id]])
        for dependency in epic.dependencies:
            _decide(epic.id, dependency, begins, members, phase_of, reading)
    for story in stories:
        for dependency in story.dependencies:
            _decide(story.id, dependency, phase_of[story.id], members, phase_of, reading)


def _decide(
    dependent: str,
    dependency: Dependency,
    begins: int | None,
    members: dict[str, list[str]],
    phase_of: dict[str, int | None],
    reading: Reading,
) -> None:
    if dependency.qualifier is None or key(dependency.qualifier) not in PARTIAL:
        return
    wanted = [story for target in dependency.resolved for story in members.get(target, [])]
    known = [story for story in wanted if phase_of[story] is not None]
    if not wanted:
        return
    if begins is None or not known:
        says = "the phases do not tell which part, so all of it is awaited"
    else:
        dependency.gate = [story for story in known if (phase_of[story] or 0) < begins]
        part = ", ".join(f"`{story}`" for story in dependency.gate)
        says = (
            f"it waits for {part}, by the order of the phases"
            if part
            else "no phase is earlier, so nothing is awaited"
        )
    reading.warn(
        Code.PARTIAL_DEPENDENCY,
        f"`{dependent}` depends on `{dependency.as_written}`: {says}.",
        "Name the stories that are really needed, such as `Story 1.1`.",
        dependency.line or 0,
    )


def _earliest(places: list[int | None]) -> int | None:
    return min((place for place in places if place is not None), default=None)
