"""What stands below an entry of a task list: labels such as `Depends on: #12`, and its own tasks."""

from __future__ import annotations

import re

from paceline.domain.plan import Fact, Item, Story
from paceline.plans.changes import CHANGE_LABELS, change_of
from paceline.plans.draft import Draft
from paceline.plans.fields import bullet_items, label_of, normal
from paceline.plans.findings import Code
from paceline.plans.inline import code_spans
from paceline.plans.outline import Bullet
from paceline.plans.paths import read_files
from paceline.plans.resolve import NOTHING
from paceline.plans.targets import key
from paceline.plans.task_entries import box_of, paths_in, take_waits

_LABELS = {
    "depends on": "waits", "dependencies": "waits", "dependency": "waits", "blocked by": "waits",
    "requires": "waits", "prerequisites": "waits", "depends": "waits",
    "assignee": "agents", "assignees": "agents", "agent": "agents", "owner": "agents",
    "files": "files", "file": "files", "points": "points", "story points": "points", "estimate": "points",
    "priority": "priority",
    "acceptance criteria": "criteria", "criteria": "criteria", "acceptance": "criteria", "ac": "criteria",
    "done when": "criteria",
    "description": "description", "checks": "checks", "check": "checks", "verify": "checks",
}  # fmt: skip
_REMARKS = frozenset(
    {
        *("blocks", "parallel group", "can run parallel with", "can run in parallel with", "parallel"),
        *("effort", "estimated effort", "estimated time", "time", "duration", "complexity", "risk", "type"),
        *("note", "notes", "reason", "why", "evidence", "branch", "commit", "spec", "ref", "refs", "status"),
        *(
            "reference",
            "references",
            "constraint",
            "constraints",
            "validates",
            "requirement",
            "requirements",
            "phase",
        ),
    }
)
"""Labels that say something about a task and are no work of their own."""
_SETTLED = re.compile(r"\s+(?:is\s+)?(?:complete|completed|done|finished|merged)$", re.IGNORECASE)
_NUMBER = re.compile(r"^~?(?P<number>\d{1,4}(?:\.\d+)?)\s*(?:(?:story )?points?|pts?|sp)?$", re.IGNORECASE)
_IDENTIFIER = re.compile(r"\d")


def read_details(story: Story, bullets: list[Bullet], draft: Draft) -> None:
    """Read the bullets below an entry into its story; those without a label are its tasks."""
    known = {*_LABELS, *CHANGE_LABELS}
    for bullet in bullets:
        label, value = label_of(bullet.text, known)
        concept = _LABELS.get(normal(label)) or CHANGE_LABELS.get(label) if label else None
        if label is None and bullet.text.done is None:
            rest, waits = take_waits(bullet.text.text.strip("_*"))
            if waits and (not rest or rest.startswith(("(", "-", "\u2014"))):
                draft.wait_for(story, waits, bullet.line)
                continue
        if label is not None and concept is None and bullet.text.done is None and normal(label) in _REMARKS:
            values = [value.strip("_* "), *(child.text.text for child in bullet.children)]
            written = "; ".join(text for text in values if text)
            draft.reading.facts.append(
                Fact(section=story.id, name=label, value=written or None, line=bullet.line)
            )
        elif concept is None or (bullet.text.done is not None and concept != "criteria"):
            _task(story, bullet, draft)
        else:
            _labelled(story, bullet, concept, value.strip("_* "), draft)
    if not story.files:
        story.files = paths_in(" ".join([story.title, *(task.text for task in story.tasks)]))
    story.files_line = story.files_line or (story.line if story.files else None)


def remark_begun(story: Story, draft: Draft) -> None:
    """Say that work which somebody has begun runs like open work."""
    draft.reading.warn(
        Code.TASK_BEGUN,
        f"`{story.id}` is marked as begun, so it is not done and runs like open work.",
        "Write `[x]` if it is done, or say in its text what is left.",
        story.line or 1,
    )


def _labelled(story: Story, bullet: Bullet, concept: str, value: str, draft: Draft) -> None:
    values = [value] if value else []
    values += [child.text.text for child in bullet.children]
    number = _NUMBER.match(value)
    match concept:
        case "waits":
            _wait(story, values, bullet, draft)
        case "agents":
            draft.assign(story, ", ".join(values).replace("@", ""), bullet.line)
        case "files":
            story.files.extend(read_files(values).files)
            story.files_line = bullet.line
        case "points" if number:
            story.points = float(number["number"])
        case "priority" if value:
            story.priority = value
        case "criteria":
            own = [Item(text=value, done=bullet.text.done, line=bullet.line)] if value else []
            story.acceptance_criteria.extend([*own, *bullet_items(bullet.children)])
        case "description":
            story.description = " ".join(values) or None
        case "checks" if any(code_spans(text) for text in values):
            story.checks.extend(span for text in values for span in code_spans(text))
        case "change" | "no_change" if change_of(concept, value) is not None:
            story.change = change_of(concept, value)
        case _:
            story.tasks.extend(bullet_items([bullet]))


def _wait(story: Story, values: list[str], bullet: Bullet, draft: Draft) -> None:
    """Dependencies as they are written; words that name no task are kept and awaited by nobody."""
    for written in values:
        value = _SETTLED.sub("", written)
        if key(value) in NOTHING or _IDENTIFIER.search(value):
            draft.wait_for(story, value, bullet.line)
        else:
            draft.reading.facts.append(
                Fact(section=story.id, name="dependencies", value=value, line=bullet.line)
            )


def _task(story: Story, bullet: Bullet, draft: Draft) -> None:
    box = box_of(bullet.text)
    if box is not None and box.left_out is not None and bullet.text.done is not True:
        draft.reading.facts.append(
            Fact(section=story.id, name=box.left_out, value=box.text, line=bullet.line)
        )
        draft.reading.warn(
            Code.TASK_LEFT_OUT,
            f"A task of `{story.id}` is {box.left_out}, so it is none of its tasks: `{box.text}`.",
            "Nothing, if that is meant; else write an open box, without that word.",
            bullet.line,
        )
        return
    items = bullet_items([bullet])
    if box is not None and bullet.text.done is None:
        items[0] = items[0].model_copy(update={"text": box.text, "done": box.done})
    story.tasks.extend(items)
