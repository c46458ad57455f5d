"""The order of spec-kit's phases and user stories: what the format implies, and what the document says."""

from __future__ import annotations

import re

from paceline.domain.plan import Dependency, Epic
from paceline.plans.draft import BY_ORDER, Draft
from paceline.plans.fields import label_of
from paceline.plans.headings import heading_words
from paceline.plans.outline import Bullet, Section, bullets_under

_USER_STORY = re.compile(r"^US\d+$")
_REFERENCE = re.compile(
    r"\b(?:US-?|User Story\s+|Story\s+)(?P<story>\d+)\b|\bPhases?\s+(?P<phase>[\w.]+)\b", re.IGNORECASE
)
_SEVERAL = re.compile(r"\b(?:stories|phases)\b|\d\+|\d\s*[\u2013-]\s*(?:phase\s*|us)?\d", re.IGNORECASE)
_WAITS = re.compile(
    r"(?<!not )(?<!never )\b(?:depends? on|requires|starts? after|sequence after|builds on|blocked by)\b"
    r"(?P<what>[^.;\u2014\u2013]*)",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(r"\b(?:but|independent|parallel|integrates?|uses|reuses|no dependenc)", re.IGNORECASE)


def order_epics(outline: Section, draft: Draft) -> None:
    """Make a phase wait for all before it, and a user story for the phases that are none.

    What a section about dependencies says of a phase or a user story is added, and counts as written.

    Args:
        outline: the document's.
        draft: whose epics are those with stories, in the document's order.
    """
    _by_order(draft.epics)
    known = {epic.id.lower(): epic for epic in draft.epics}
    for phase in draft.phases:
        epics = {story.epic for story in draft.stories if story.phase == phase.id}
        if len(epics) == 1:
            known.setdefault(phase.id.lower(), known[(epics.pop() or "").lower()])
    for section in outline.walk():
        if any(word.startswith("dependenc") for word in heading_words(section)):
            for below in section.walk():
                for bullet in bullets_under(below):
                    _written(bullet, known)


def _by_order(ordered: list[Epic]) -> None:
    earlier: list[Epic] = []
    phases: list[Epic] = []
    for epic in ordered:
        is_phase = not _USER_STORY.match(epic.id)
        wanted = earlier[_after_last(phases, earlier) :] if is_phase else phases[-1:]
        epic.dependencies = [
            Dependency(as_written=each.id, resolved=[each.id], qualifier=BY_ORDER, line=epic.line)
            for each in wanted
        ]
        earlier.append(epic)
        if is_phase:
            phases.append(epic)


def _after_last(phases: list[Epic], earlier: list[Epic]) -> int:
    """Where the epics begin that the last phase does not already stand for."""
    return earlier.index(phases[-1]) if phases else 0


def _written(bullet: Bullet, known: dict[str, Epic]) -> None:
    """Read `- **User Story 2 (P2)**: Depends on US1` as a dependency of that epic."""
    label, value = label_of(bullet.text, ())
    if label is None or _SEVERAL.search(label):
        return
    # `User Story 3 (Phase 5)` names one epic by both.
    subjects = {epic.id: epic for epic in _named(label, known)}
    if len(subjects) != 1:
        return
    (subject,) = subjects.values()
    for match in _WAITS.finditer(value):
        what = _ELSEWHERE.split(match["what"])[0]
        for target in _named(what, known):
            if target is not subject:
                _add(subject, target, bullet)


def _named(text: str, known: dict[str, Epic]) -> list[Epic]:
    found: list[Epic] = []
    for match in _REFERENCE.finditer(text):
        name = f"us{match['story']}" if match["story"] else f"phase {match['phase']}".lower()
        epic = known.get(name)
        if epic is not None and epic not in found:
            found.append(epic)
    return found


def _add(epic: Epic, target: Epic, bullet: Bullet) -> None:
    written = Dependency(as_written=target.id, resolved=[target.id], line=bullet.line)
    # What is written holds where the order of the headings says the opposite.
    target.dependencies = [
        each for each in target.dependencies if each.qualifier != BY_ORDER or epic.id not in each.resolved
    ]
    if any(each.qualifier is None and each.resolved == [target.id] for each in epic.dependencies):
        return
    epic.dependencies = [each for each in epic.dependencies if each.resolved != [target.id]]
    epic.dependencies.append(written)
    names = [each.as_written for each in epic.dependencies if each.qualifier is None]
    epic.dependencies_as_written = ", ".join(names)
