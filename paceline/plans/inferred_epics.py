"""Epics that no heading writes, as the numbers of ids suggest them: `US-4.1` and `US-4.2` are of group 4."""

from __future__ import annotations

import re
from collections.abc import Sequence

from paceline.domain.plan import Fact, Story
from paceline.plans.findings import Code
from paceline.plans.quantities import numbers_in
from paceline.plans.reading import Reading

_GROUPED = re.compile(r"^(?P<prefix>[A-Za-z ]*?)[- _]?(?P<group>\d{1,9})\.\d+[a-z]?$")


def keep_inferred_epics(stories: Sequence[Story], reading: Reading) -> None:
    """Keep the groups as facts with a remark; they are no epics, as nothing in the plan says so.

    Args:
        stories: of the whole plan.
        reading: takes one fact for every group, in the order of their numbers.
    """
    groups: dict[tuple[str, int], list[Story]] = {}
    for story in stories:
        match = _GROUPED.match(story.id)
        if match and story.kind == "story":
            groups.setdefault((match["prefix"], int(match["group"])), []).append(story)
    if not groups:
        return
    prefixes = {prefix for prefix, _ in groups}
    for (prefix, number), members in sorted(groups.items()):
        name = f"Epic {number}" if len(prefixes) == 1 else f"Epic {prefix} {number}"
        points = [story.points for story in members if story.points is not None]
        value = {
            "inferred": True,
            "stories": sorted((story.id for story in members), key=numbers_in),
            "points": sum(points) if points else None,
            "sprints": list(dict.fromkeys(sprint for story in members for sprint in story.sprints)),
        }
        reading.facts.append(Fact(section="Epics", name=name, value=value, line=members[0].line))
    first = next(iter(groups.values()))[0]
    reading.warn(
        Code.EPICS_INFERRED,
        f"No epic is written; the ids of the stories form {len(groups)} groups, kept as facts only.",
        "Write headings such as `### Epic 1: Title` if they are epics.",
        first.line or 1,
    )
