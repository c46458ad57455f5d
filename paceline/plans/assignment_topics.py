"""What the headings of sprint assignment tables announce: sprints, and topics beside them."""

from __future__ import annotations

import re
from enum import StrEnum

from paceline.domain.plan import Sprint
from paceline.plans.assignment_rows import is_assignment_table
from paceline.plans.fields import normal, split_parenthesis
from paceline.plans.headings import heading_words
from paceline.plans.labels import Words, concept_of
from paceline.plans.outline import Section, Table
from paceline.plans.time_boxes import sprint_box

_AHEAD = re.compile(r"^\((?P<remark>[^()]{1,80})\)\s*(?:[:\u2013\u2014-]\s*)?(?P<name>.*)$")
_OPTIONAL = Words("value.optional")


class Topic(StrEnum):
    """What a section beside the sprints is about."""

    CRITERIA = "criteria"
    RISKS = "risks"
    DELIVERABLES = "deliverables"
    DONE = "done"
    READY = "ready"
    ADJUSTMENTS = "adjustments"
    ROLES = "roles"
    METRICS = "metrics"


_OF_CONCEPT = {
    "success_criteria": Topic.CRITERIA,
    "risks": Topic.RISKS,
    "deliverables": Topic.DELIVERABLES,
    "definition_of_done": Topic.DONE,
    "definition_of_ready": Topic.READY,
    "contingency": Topic.ADJUSTMENTS,
    "metrics": Topic.METRICS,
}
_ALL_WORDS = (({"definition", "done"}, Topic.DONE), ({"definition", "ready"}, Topic.READY))
_ANY_WORD = (
    ({"metrics", "kpis"}, Topic.METRICS),
    ({"risk", "risks"}, Topic.RISKS),
    ({"success", "criteria"}, Topic.CRITERIA),
    ({"deliverables"}, Topic.DELIVERABLES),
    (
        {"adjustments", "adjustment", "flexibility", "contingency", "contingencies", "fallback"},
        Topic.ADJUSTMENTS,
    ),
    ({"roles", "staffing", "allocation", "allocations", "roster"}, Topic.ROLES),
)


def topic_of(section: Section, inherited: Topic | None) -> Topic | None:
    """What a section is about: what the one above it announces, else its own heading.

    Below risks, plans for what may happen are announced on their own.
    """
    if inherited is not None and inherited is not Topic.RISKS:
        return inherited
    own = _announced(section) if section.level > 1 else None
    return own if inherited is None or own is Topic.ADJUSTMENTS else inherited


def is_roles_heading(section: Section) -> bool:
    """Whether a heading announces roles, and is not itself the name of one."""
    return _announced(section) is Topic.ROLES


def find_sprints(root: Section) -> dict[int, Sprint]:
    """The sprints of a document by the identity of the section that opens each.

    A heading such as `Sprint 1` below `Risks` says which sprint is meant and opens none.
    """
    return _sprints(root, other=False) or _sprints(root, other=True)


def _sprints(root: Section, *, other: bool) -> dict[int, Sprint]:
    """The same; `other` for milestones and weeks with tables of work."""
    found: dict[int, Sprint] = {}
    seen: set[str] = set()
    waiting: list[tuple[Section, Topic | None]] = [(root, None)]
    while waiting:
        section, topic = waiting.pop()
        sprint = _sprint(section, other) if topic is None and section.level > 0 else None
        if other and not _has_table(section):
            sprint = None
        if sprint is not None and (sprint.id not in seen or _has_table(section)):
            found[id(section)] = sprint
            seen.add(sprint.id)
        else:
            topic = topic_of(section, topic)
        waiting.extend((below, topic) for below in reversed(section.sections))
    return found


def _announced(section: Section) -> Topic | None:
    title, words = section.title.text, heading_words(section)
    found = _OF_CONCEPT.get(concept_of(title) or "")
    if found is None and normal(title).startswith("if "):
        found = Topic.ADJUSTMENTS
    if found is None:
        found = next((topic for wanted, topic in _ALL_WORDS if words >= wanted), None)
    return found or next((topic for wanted, topic in _ANY_WORD if words & wanted), None)


def _sprint(section: Section, other: bool) -> Sprint | None:
    box = sprint_box(section.title.text, other=other)
    if box is None:
        return None
    if section.level == 1 and any(
        sprint_box(s.title.text, other=other) for s in section.walk() if s is not section
    ):
        return None
    name, condition = box.name, None
    ahead = _AHEAD.match(name or "")
    remark = ahead["remark"] if ahead else split_parenthesis(section.title.text)[1]
    if ahead:
        # A parenthesis right after the number: `Sprint 5 (If Needed): Polish`.
        name = ahead["name"].strip() or None
    if remark is not None and _is_condition(remark):
        condition = remark
        name = split_parenthesis(name)[0] if name is not None and not ahead else name
    return Sprint(
        id=box.id,
        name=name,
        number=box.number,
        duration_text=(ahead["remark"] if ahead else box.qualifier) if box.span else None,
        weeks=box.span,
        points_stated=box.points,
        optional=box.optional or condition is not None,
        condition=condition,
        line=section.line,
    )


def _is_condition(remark: str) -> bool:
    return remark in _OPTIONAL or remark.lower().startswith(("if ", "optional", "only if ", "when needed"))


def _has_table(section: Section) -> bool:
    return any(
        isinstance(block, Table) and is_assignment_table(block)
        for below in section.walk()
        for block in below.blocks
    )
