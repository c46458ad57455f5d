"""Everything that is wrong or doubtful about a plan, whichever reader it came from.

Errors stop a run, warnings do not; `docs/reference/findings.md` explains every code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from paceline.domain.graph import find_cycle, story_edges, topological_waves, written_edges
from paceline.domain.ids import slug
from paceline.domain.plan import Agent, Epic, Finding, Plan, Sprint, Story
from paceline.plans.findings import Code, finding, in_order
from paceline.plans.lint_order import check_phases, check_shared_files, check_sprints
from paceline.plans.lint_points import (
    check_agent_loads,
    check_allocations,
    check_capacity,
    check_sprint_points,
)
from paceline.plans.lint_references import check_agents, check_dependencies, check_self_dependencies
from paceline.plans.lint_stories import check_empty_epics, check_ownership, check_paths, check_stories
from paceline.plans.places import NumberedThrough

_CHECKS: tuple[Callable[[Plan], Iterator[Finding]], ...] = (
    check_agents,
    check_dependencies,
    check_self_dependencies,
    check_paths,
    check_stories,
    check_empty_epics,
    check_ownership,
    check_sprint_points,
    check_capacity,
    check_allocations,
    check_agent_loads,
)


def check_plan(plan: Plan) -> list[Finding]:
    """Check a plan.

    Args:
        plan: any plan in the normal form.

    Returns:
        All findings with the name of their file, errors first, then by line; the reader's own remarks are
        among them. No finding of severity `error` means that a run may start.
    """
    through = NumberedThrough(plan)
    found = [*plan.warnings, *_no_stories(plan), *_duplicates(plan)]
    for check in (*_CHECKS, _order):
        found.extend(through.placed(each) for each in check(through.plan))
    found = [each.model_copy(update={"file": each.file or plan.source.file}) for each in found]
    return in_order(sorted(found, key=lambda each: each.file or ""))


def has_errors(findings: Iterable[Finding]) -> bool:
    """Whether a run is refused."""
    return any(found.severity == "error" for found in findings)


def _no_stories(plan: Plan) -> Iterator[Finding]:
    if not plan.stories:
        yield finding(
            Code.NO_STORIES,
            "The plan has no stories, so there is nothing to run.",
            "Give every story a heading such as `#### Story 1.1: Title` with its agent and tasks below it.",
            plan.epics[0].line if plan.epics else 1,
        )


def _duplicates(plan: Plan) -> Iterator[Finding]:
    kinds: tuple[tuple[str, Sequence[Story | Epic | Sprint | Agent]], ...] = (
        ("story", plan.stories),
        ("epic", plan.epics),
        ("sprint", plan.sprints),
        ("agent", plan.agents),
    )
    for kind, named in kinds:
        first: dict[str, Story | Epic | Sprint | Agent] = {}
        for each in named:
            earlier = first.setdefault(slug(each.id), each)
            if earlier is not each:
                yield _duplicate(kind, each, earlier)


def _duplicate(
    kind: str, again: Story | Epic | Sprint | Agent, earlier: Story | Epic | Sprint | Agent
) -> Finding:
    same = "is used twice" if earlier.id == again.id else f"cannot be told from `{earlier.id}`"
    where = f", first in line {earlier.line}" if earlier.line else ""
    of = f" of {earlier.file}" if where and earlier.file != again.file else ""
    return finding(
        Code.DUPLICATE_ID,
        f"The {kind} id `{again.id}` {same}{where}{of}.",
        f"Give this {kind} another id.",
        again.line,
        again.file,
    )


def _order(plan: Plan) -> Iterator[Finding]:
    """What follows from the dependency graph; the rest needs one without cycles."""
    written = written_edges(plan)
    cycle = find_cycle({story: [w for w in wanted if w != story] for story, wanted in written.items()})
    if cycle is not None:
        yield _circular(plan, cycle)
        return
    yield from check_sprints(plan, written)
    yield from check_phases(plan, written)
    if all(story not in wanted for story, wanted in written.items()):
        yield from check_shared_files(plan, topological_waves(story_edges(plan)))


def _circular(plan: Plan, cycle: list[str]) -> Finding:
    stories = {story.id: story for story in plan.stories}
    first = stories[cycle[0]]
    lines = [each.line for each in first.dependencies if cycle[1] in each.resolved and each.line]
    path = " waits for ".join(f"`{story}`" for story in cycle)
    return finding(
        Code.DEPENDENCY_CYCLE,
        f"The dependencies are circular: {path}.",
        f"Delete one of them, such as the one of `{cycle[-2]}` on `{cycle[-1]}`.",
        lines[0] if lines else first.line,
    )
