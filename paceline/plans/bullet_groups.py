"""Where the bullets of work stand: under sprints, else under epics and lists of stories."""

from __future__ import annotations

from paceline.plans.bullet_items import read_item
from paceline.plans.headings import epic_heading, heading_text
from paceline.plans.labels import concept_of
from paceline.plans.outline import Section, bullets_under
from paceline.plans.sprint_parts import looks_like_work, part_of_heading, parts_of
from paceline.plans.time_boxes import sprint_box


def sprint_sections(root: Section) -> list[Section]:
    """The headings that are sprints; the plan's title counts only where no other heading is one."""
    headings = [section for section in root.walk() if section.level > 0]
    found = [section for section in headings if sprint_box(section.title.text)]
    inner = [section for section in found if section.level > 1]
    others = [section for section in headings if sprint_box(section.title.text, other=True)]
    return inner or [each for each in others if each.level > 1 and holds_work(each)] or found


def groups_of_work(root: Section) -> list[Section]:
    """The epics and lists of stories of a plan that has no sprints, else what lists ids with points."""
    headings = [section for section in root.walk() if section.level > 1]
    return named_groups(root) or [s for s in headings if _lists_work(s)]


def named_groups(root: Section) -> list[Section]:
    headings = [section for section in root.walk() if section.level > 1]
    return [s for s in headings if epic_heading(s) or concept_of(heading_text(s)) == "stories"]


def _lists_work(section: Section) -> bool:
    """Whether every bullet under a heading has an id and points; boxes make it a task list."""
    bullets = bullets_under(section)
    if bullets and all(bullet.text.done is not None for bullet in bullets):
        return False
    items = [read_item(bullet.text) for bullet in bullets]
    return bool(items) and all(item.id is not None and item.remark.points is not None for item in items)


def holds_work(sprint: Section) -> bool:
    return any(
        part.concept == "stories" and looks_like_work(part.bullets)
        for section in sprint.walk()
        for part in [*parts_of(section).lists, part_of_heading(section)]
        if part is not None
    )


def has_work(section: Section) -> bool:
    return looks_like_work([bullet for each in section.walk() for bullet in bullets_under(each)])
