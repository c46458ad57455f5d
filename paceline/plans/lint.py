"""Everything that is wrong or doubtful about a plan, whichever reader it came from.

Errors stop a run, warnings do not; `docs/reference/findings.md` explains every code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from paceline.domain.collector import collector_paused
from paceline.domain.graph import Edges, find_cycle, story_edges, written_edges
from paceline.domain.ids import slug
from paceline.domain.plan import Agent, Epic, Finding, Plan, Sprint, Story
from paceline.plans.findings import Code, finding, finding_at, in_order
from paceline.plans.lint_counts import check_counts, check_totals
from paceline.plans.lint_fields import check_fields
from paceline.plans.lint_files import check_ownership, check_paths, check_shared_files
from paceline.plans.lint_metrics import check_metrics
from paceline.plans.lint_order import check_done, check_phases, check_sprints
from paceline.plans.lint_points import (
    check_agent_loads,
    check_allocations,
    check_capacity,
    check_epic_points,
    check_sprint_points,
)
from paceline.plans.lint_references import check_agents, check_dependencies, check_self_dependencies
from paceline.plans.lint_stories import check_empty_epics, check_lengths, check_stories
from paceline.plans.places import located

_CHECKS: tuple[Callable[[Plan], Iterator[Finding]], ...] = (
    check_agents,
    check_dependencies,
    check_self_dependencies,
    check_paths,
    check_stories,
    check_lengths,
    check_empty_epics,
    check_ownership,
    check_sprint_points,
    check_epic_points,
    check_totals,
    check_counts,
    check_capacity,
    check_allocations,
    check_agent_loads,
    check_metrics,
    check_fields,
)
_PATH = 100
"""Stories of a cycle that are named; of a longer one, the first and the last."""
_CYCLES = 10
"""Cycles that one check tells of; the others show when these are gone."""


@collector_paused()
def check_plan(plan: Plan, texts: Mapping[str, str] | None = None) -> list[Finding]:
    """Check a plan.

    Args:
        plan: any plan in the normal form.
        texts: what it was read from by file name, as findings name files; with it they have columns.

    Returns:
        All findings with the plan's file name, errors first, then by place; the reader's own remarks are
        among them. No finding of severity `error` means that a run may start.
    """
    found = [*plan.warnings, *_no_stories(plan), *_duplicates(plan)]
    for check in _CHECKS:
        found.extend(check(plan))
    found.extend(_order(plan))
    found = [
        each if each.file or not plan.source.file else each.model_copy(update={"file": plan.source.file})
        for each in found
    ]
    return in_order(located(found, texts) if texts else found)


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
    kind: str, thing: Story | Epic | Sprint | Agent, earlier: Story | Epic | Sprint | Agent
) -> Finding:
    same = "is used twice" if earlier.id == thing.id else f"cannot be told from `{earlier.id}`"
    where = f", first in line {earlier.line}" if earlier.line else ""
    if earlier.file != thing.file and earlier.file:
        where += f" of {earlier.file}" if where else f", first in {earlier.file}"
    return finding_at(
        thing,
        Code.DUPLICATE_ID,
        f"The {kind} id `{thing.id}` {same}{where}.",
        f"Give this {kind} another id.",
    )


def _order(plan: Plan) -> Iterator[Finding]:
    """What follows from the dependency graph; most of it needs one without cycles."""
    written = written_edges(plan)
    yield from check_done(plan, written)
    circles = list(_circles(written))
    yield from (_circular(plan, circle) for circle in circles)
    if circles:
        return
    yield from check_sprints(plan, written)
    yield from check_phases(plan, written)
    if all(story not in wanted for story, wanted in written.items()):
        yield from check_shared_files(plan, story_edges(plan))


def _circles(edges: Edges) -> Iterator[list[str]]:
    """Cycles that have no story in common, as `find_cycle` gives them; one that names itself is none."""
    left = edges
    if any(story in wanted for story, wanted in edges.items()):
        left = {story: [each for each in wanted if each != story] for story, wanted in edges.items()}
    for _ in range(_CYCLES):
        cycle = find_cycle(left)
        if cycle is None:
            return
        yield cycle
        gone = set(cycle)
        left = {
            story: [each for each in wanted if each not in gone]
            for story, wanted in left.items()
            if story not in gone
        }


def _circular(plan: Plan, cycle: list[str]) -> Finding:
    first = next(story for story in plan.stories if story.id == cycle[0])
    lines = [each.line for each in first.dependencies if cycle[1] in each.resolved and each.line]
    names = [f"`{story}`" for story in cycle]
    if len(names) > _PATH:
        names[_PATH // 2 : -_PATH // 2] = [f"{len(names) - _PATH} more, the last of which"]
    path = " waits for ".join(names)
    return finding_at(
        first,
        Code.DEPENDENCY_CYCLE,
        f"The dependencies are circular: {path}.",
        f"Delete one of them, such as the one of `{cycle[-2]}` on `{cycle[-1]}`.",
        lines[0] if lines else None,
    )
