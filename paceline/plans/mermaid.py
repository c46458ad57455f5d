"""The dependency graph of a plan as a Mermaid flowchart.

Nothing that a plan says becomes syntax: nodes have numbers for names, and every character of a label that is
not a letter, a digit, a space or one of a few marks is written as the number of its code point.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from paceline.domain.graph import Edges, done_stories, stories_by_id, story_edges, topological_order
from paceline.domain.plan import Plan, Story
from paceline.domain.schedule import critical_path, points_of, sprint_places

MOST_EDGES, MOST_TEXT = 500, 50_000
"""What Mermaid draws by default (`maxEdges`, `maxTextSize`); above it shows an error instead."""
_MOST_GROUPS = 200
_TITLE, _ID = 48, 40
_NO_WIDTH = "\u200b"
_HARMLESS = frozenset(" .,-_/()+")
_STYLES = (
    "  classDef critical stroke:#c2410c,stroke-width:3px",
    "  classDef done fill:#dcfce7,stroke:#16a34a,color:#14532d",
)
_CRITICAL_LINK = "stroke:#c2410c,stroke-width:3px"


@dataclass(frozen=True, slots=True)
class _Graph:
    """What is to be drawn: nodes by number, each in a group, and links between them."""

    labels: list[str]
    groups: list[tuple[str | None, list[int]]]
    links: list[tuple[int, int]]
    dashed: frozenset[tuple[int, int]]
    critical: list[int]
    done: list[int]
    remarks: list[str]


def to_mermaid(plan: Plan) -> str:
    """Draw a plan: a subgraph for each sprint or epic, an arrow for each dependency.

    Arrows that follow from others are left out, dependencies on a part of something are dashed, the critical
    path and done stories have classes of their own. A plan too large for Mermaid's limits is drawn by epic
    or sprint, and a comment says so.

    Args:
        plan: a plan that passes the linter.

    Returns:
        The text of a flowchart, with a line break at its end.

    Raises:
        PlanError: the dependencies are circular.
    """
    edges = story_edges(plan)
    path = critical_path(_left(plan, edges), points_of(plan))
    if len(plan.stories) <= MOST_EDGES:
        for title in (_TITLE, _TITLE // 3, 0):
            drawn = _stories(plan, edges, path, title)
            text = _text(drawn)
            if len(drawn.links) <= MOST_EDGES and len(text) <= MOST_TEXT:
                return text
    return _text(_summary(plan, edges, path))


def _left(plan: Plan, edges: Edges) -> dict[str, Sequence[str]]:
    done = frozenset(done_stories(plan))
    return {story: wanted for story, wanted in edges.items() if story not in done}


def _stories(plan: Plan, edges: Edges, path: Sequence[str], title: int) -> _Graph:
    number = {story: place for place, story in enumerate(edges)}
    dashed = frozenset((number[before], number[after]) for before, after in _partial(plan, edges))
    links = [(number[before], number[after]) for before, after in _reduced(edges)]
    groups = [(name, [number[story] for story in stories]) for name, stories in _groups(plan, title or _ID)]
    remarks = ["Arrows that follow from others are left out."] if len(links) < _count(edges) else []
    return _Graph(
        labels=[_story_label(story, title) for story in stories_by_id(plan).values()],
        groups=groups if len(groups) > 1 else [(None, groups[0][1])] if groups else [],
        links=links,
        dashed=dashed,
        critical=[number[story] for story in path],
        done=[number[story] for story in done_stories(plan)],
        remarks=remarks,
    )


def _summary(plan: Plan, edges: Edges, path: Sequence[str]) -> _Graph:
    """Sprints or epics as nodes, with arrows where one of their stories waits for one of another."""
    groups = _groups(plan, _TITLE)
    shown = groups[:_MOST_GROUPS]
    group_of = {story: place for place, (_, stories) in enumerate(shown) for story in stories}
    between = dict.fromkeys(
        (group_of[before], group_of[after])
        for after, wanted in edges.items()
        for before in wanted
        if before in group_of and after in group_of and group_of[before] != group_of[after]
    )
    stories = len(plan.stories)
    remarks = [f"{stories} stories are more than Mermaid draws at once: each box stands for many of them."]
    if len(shown) < len(groups):
        remarks.append(f"The first {len(shown)} of {len(groups)} groups are shown.")
    if len(between) > MOST_EDGES:
        remarks.append(f"The first {MOST_EDGES} of {len(between)} arrows are shown.")
    done = frozenset(done_stories(plan))
    labels = [f"{name or _shown('Stories', _TITLE)}<br/>{_size(len(ids))}" for name, ids in shown]
    ended = [place for place, (_, ids) in enumerate(shown) if all(story in done for story in ids)]
    on_path = list(dict.fromkeys(group_of[story] for story in path if story in group_of))
    return _Graph(
        labels=labels,
        groups=[(None, list(range(len(shown))))],
        links=list(between)[:MOST_EDGES],
        dashed=frozenset(),
        critical=on_path,
        done=ended,
        remarks=remarks,
    )


def _text(graph: _Graph) -> str:
    lines = ["flowchart LR", *(f"  %% {remark}" for remark in graph.remarks)]
    for place, (name, nodes) in enumerate(graph.groups):
        drawn = [f'  n{node}["{graph.labels[node]}"]' for node in nodes]
        lines += drawn if name is None else [f'  subgraph g{place}["{name}"]', *_deeper(drawn), "  end"]
    for before, after in graph.links:
        arrow = "-.->" if (before, after) in graph.dashed else "-->"
        lines.append(f"  n{before} {arrow} n{after}")
    lines += _STYLES
    for name, nodes in (("done", graph.done), ("critical", graph.critical)):
        lines += [f"  class {','.join(f'n{node}' for node in nodes)} {name}"] if nodes else []
    place_of = {link: place for place, link in enumerate(graph.links)}
    hot = [str(place_of[link]) for link in pairwise(graph.critical) if link in place_of]
    lines += [f"  linkStyle {','.join(hot)} {_CRITICAL_LINK}"] if hot else []
    return "\n".join(lines) + "\n"


def _deeper(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _groups(plan: Plan, length: int) -> list[tuple[str | None, list[str]]]:
    """The stories by sprint where the plan has several, else by epic; groups without stories are left out."""
    by_sprint = len(plan.sprints) > 1
    if by_sprint:
        titles = {each.id: _heading(each.id, each.name) for each in plan.sprints}
    else:
        titles = {each.id: "" if each.implicit else _heading(each.id, each.title) for each in plan.epics}
    found: dict[str, list[str]] = {identity: [] for identity in titles}
    sprints, places = list(titles), sprint_places(plan)
    for story in stories_by_id(plan).values():
        group = sprints[places[story.id]] if by_sprint else story.epic or ""
        found.setdefault(group, []).append(story.id)
    named = ((titles.get(identity, identity), stories) for identity, stories in found.items() if stories)
    return [(_shown(name, length) or None, stories) for name, stories in named]


def _heading(identity: str, name: str | None) -> str:
    return identity if not name or name == identity else f"{identity}: {name}"


def _partial(plan: Plan, edges: Edges) -> Iterator[tuple[str, str]]:
    """Pairs that a narrowed dependency, such as one on a part of an epic, brings."""
    members: dict[str, list[str]] = {}
    for story in plan.stories:
        members.setdefault(story.epic or "", []).append(story.id)
    inherited = {epic.id: epic.dependencies for epic in plan.epics}
    for story in plan.stories:
        for dependency in (*story.dependencies, *inherited.get(story.epic or "", ())):
            if dependency.gate is None and dependency.qualifier is None:
                continue
            targets = dependency.gate
            if targets is None:
                targets = [one for each in dependency.resolved for one in members.get(each, [each])]
            yield from (
                (target, story.id) for target in targets if target in edges[story.id] and target in edges
            )


def _count(edges: Edges) -> int:
    return sum(before in edges for wanted in edges.values() for before in wanted)


def _reduced(edges: Edges) -> list[tuple[str, str]]:
    """The transitive reduction: no arrow where a longer way leads there too.

    The one of Aho, Garey and Ullman ("The Transitive Reduction of a Directed Graph", SIAM J. Comput. 1(2),
    1972), with a bit for each ancestor.
    """
    bit = {story: 1 << place for place, story in enumerate(edges)}
    above: dict[str, int] = {}
    kept: dict[str, list[str]] = {}
    for story in topological_order(edges):
        wanted = [before for before in edges[story] if before in bit]
        further = 0
        for before in wanted:
            further |= above[before]
        kept[story] = [before for before in wanted if not bit[before] & further]
        above[story] = further
        for before in wanted:
            above[story] |= bit[before]
    return [(before, story) for story in edges for before in kept[story]]


def _story_label(story: Story, title: int) -> str:
    name = _shown(story.id, _ID)
    if not title or not story.title or story.title == story.id:
        return name
    points = "" if story.points is None else f" ({story.points:g})"
    return f"{name}{points}<br/>{_shown(story.title, title)}"


def _size(stories: int) -> str:
    return "1 story" if stories == 1 else f"{stories} stories"


def _shown(text: str, length: int) -> str:
    """Text as it may stand between quotes of a label."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    plain = plain if len(plain) <= length else plain[: length - 1] + "\u2026"
    # Icons and formulas are looked for after numbers have become characters: a space of no width parts them.
    plain = plain.replace(":fa-", f":{_NO_WIDTH}fa-").replace("$", f"${_NO_WIDTH}")
    return "".join(c if c.isalnum() or c in _HARMLESS else f"#{ord(c)};" for c in plain)
