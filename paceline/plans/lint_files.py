"""Findings about files: paths that are refused, stories that want the same, and whose files they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from paceline.domain.globs import is_glob
from paceline.domain.graph import Edges
from paceline.domain.overlaps import Overlaps, distinct, overlaps
from paceline.domain.plan import Finding, OwnedResources, Plan, SharedResource, Story
from paceline.domain.schedule import lock_patterns, sprint_waves
from paceline.plans.findings import Code, finding_at
from paceline.plans.lint_references import listed

_COMPARED = 20_000
"""Pairs with a glob that one check compares; it says so where that was not enough."""
_ENOUGH = 8
"""Of what a glob overlaps, as much is looked at as a sentence lists, and one more."""


def check_shared_files(plan: Plan, edges: Edges) -> Iterator[Finding]:
    """Files that several stories of one wave want: they take turns.

    Args:
        plan: any plan.
        edges: its dependencies, without a cycle.
    """
    stories = {story.id: story for story in plan.stories}
    left = _COMPARED
    several = len(plan.sprints) > 1
    for sprint in sprint_waves(plan, edges):
        where = f" of `{sprint.sprint}`" if several else ""
        for number, wave in enumerate(sprint.waves, 1):
            wanted = _wanted([stories[name] for name in wave], plan)
            shared = _worth_comparing(wanted)
            found = overlaps(list(shared), limit=left)
            left -= found.comparisons
            yield from _shared_in_wave(shared, found, f"wave {number}{where}")
            if not found.complete:
                yield _too_many_globs(shared)
                return


def _wanted(stories: Sequence[Story], plan: Plan) -> dict[str, list[Story]]:
    """The stories of each path and glob."""
    wanted: dict[str, list[Story]] = {}
    for story in stories:
        for pattern in distinct(lock_patterns(story, plan)):
            wanted.setdefault(pattern, []).append(story)
    return wanted


def _worth_comparing(wanted: dict[str, list[Story]]) -> dict[str, list[Story]]:
    """What can be shared: without globs, only what several stories list."""
    if any(map(is_glob, wanted)):
        return wanted
    return {pattern: stories for pattern, stories in wanted.items() if len(stories) > 1}


def _shared_in_wave(wanted: Mapping[str, list[Story]], found: Overlaps, wave: str) -> Iterator[Finding]:
    told: set[tuple[str, ...]] = set()
    patterns = list(wanted)
    for (pattern, own), others in zip(wanted.items(), found.neighbours, strict=True):
        names = [story.id for story in own]
        if is_glob(pattern):
            for other in others[:_ENOUGH]:
                names.extend(story.id for story in wanted[patterns[other]][:_ENOUGH])
            names = list(dict.fromkeys(names))
        same = tuple(sorted(names))
        # Two globs that overlap would be told twice.
        if len(names) > 1 and not (is_glob(pattern) and same in told):
            told.add(same)
            yield finding_at(
                own[0],
                Code.FILES_SHARED_IN_WAVE,
                f"{listed(names)} could run at the same time ({wave}), and all change `{pattern}`: "
                "they take turns.",
                "Split the file or add a dependency if the order matters.",
                own[0].files_line,
            )


def _too_many_globs(wanted: Mapping[str, list[Story]]) -> Finding:
    story = next(stories[0] for pattern, stories in wanted.items() if is_glob(pattern))
    return finding_at(
        story,
        Code.FILES_SHARED_IN_WAVE,
        "The stories list so many globs that not all could be compared; more of them may take turns.",
        "Write paths instead of globs where the paths are known.",
        story.files_line,
    )


def check_ownership(plan: Plan) -> Iterator[Finding]:
    """Stories that change files which the plan gives to an agent who is not theirs."""
    owners: dict[str, set[str]] = {}
    for owned in plan.resources.owned:
        for path in distinct([*owned.files, *owned.globs]):
            owners.setdefault(path, set()).add(owned.agent)
    if not owners:
        return
    patterns = list(
        dict.fromkeys(each for story in plan.stories for each in distinct(lock_patterns(story, plan)))
    )
    found = _owners_of([*owners, *(each for each in patterns if each not in owners)], owners)
    for story in plan.stories:
        for pattern in distinct(lock_patterns(story, plan)):
            agents = found[pattern]
            if agents and agents.isdisjoint(story.agents):
                names = " and ".join(sorted(agents))
                yield finding_at(
                    story,
                    Code.OWNERSHIP_CROSSED,
                    f"`{story.id}` of {', '.join(story.agents) or 'nobody'} changes `{pattern}`, which "
                    f"belongs to {names}; it gets the lock like any other.",
                    f"Give the story to {names}, or the file to the story's agent, if that was not meant.",
                    story.files_line,
                )


def _owners_of(patterns: list[str], owners: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The agents who own something that a pattern overlaps."""
    found: dict[str, set[str]] = {}
    for pattern, others in zip(patterns, overlaps(patterns, limit=_COMPARED).neighbours, strict=True):
        agents = set(owners.get(pattern, ()))
        found[pattern] = agents.union(*(owners.get(patterns[other], ()) for other in others))
    return found


def check_paths(plan: Plan) -> Iterator[Finding]:
    """Paths that lead out of the repository or into git's own folder."""
    for story in plan.stories:
        for path in lock_patterns(story, plan):
            yield from _unsafe(story, f"`{story.id}`", path, story.files_line)
    for shared in plan.resources.shared:
        yield from _unsafe(shared, "The list of shared resources", shared.path, shared.line)
    for owned in plan.resources.owned:
        for path in [*owned.files, *owned.globs]:
            yield from _unsafe(owned, f"The resources of `{owned.agent}`", path, owned.line)


def unsafe(path: str) -> str | None:
    """Why a path may not be used, as the end of a sentence; None where it may."""
    segments = path.split("/")
    if not path.strip():
        return "is empty"
    if "\0" in path:
        return "contains a NUL character"
    if "\\" in path:
        return "contains a backslash"
    if path.startswith(("/", "~")) or path[1:2] == ":":
        return "is absolute"
    if ".." in segments:
        return "leaves the repository with `..`"
    # Windows drops blanks and dots at the end of a name, and knows a short form of it.
    if any(segment.rstrip(" .").lower() in {".git", "git~1"} for segment in segments):
        return "leads into git's own folder"
    return None


def _unsafe(
    thing: Story | SharedResource | OwnedResources, where: str, path: str, line: int | None
) -> Iterator[Finding]:
    reason = unsafe(path)
    if reason:
        shown = path.replace("\0", "\\0")
        yield finding_at(
            thing,
            Code.UNSAFE_PATH,
            f"{where} names the path `{shown}`, which {reason}.",
            "Write a path relative to the repository's root with forward slashes, such as `src/app.py`.",
            line,
        )
