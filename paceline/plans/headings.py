"""Which headings of an agent sprint plan open a sprint, an epic, a story or a phase, and their ids."""

from __future__ import annotations

import re
from dataclasses import dataclass

from paceline.domain.plan import StoryKind
from paceline.plans.fields import normal, split_parenthesis, without_numbering
from paceline.plans.inline import Text
from paceline.plans.outline import BulletList, Paragraph, Section

_IDENTIFIER = r"(?:[A-Za-z]*[-_.]?\d[\w.-]*?|[A-Za-z]+(?:-[A-Za-z]+)*-\d[\w.-]*?|[A-Z]{1,2})"
_SEPARATOR = r"(?:\s*[:\u2013\u2014]\s*|\s+-\s+|\.\s+|\s*$)"
_WORDED = re.compile(
    rf"^(?P<word>(?i:(?:user )?story|task|work item))\s+#?(?P<token>{_IDENTIFIER}){_SEPARATOR}(?P<title>.*)$"
)
_PREFIXED = re.compile(
    r"^(?P<token>(?P<prefix>[A-Z][A-Z0-9]*)-\d[\w.-]*?)(?:\s*[:\u2013\u2014]\s*|\s+-\s+)(?P<title>.+)$"
)
_NUMBERED = re.compile(
    r"^(?P<token>\d+(?:\.\d+)*)[.)]?\s+(?:story\s*[:\u2013-]\s*)?(?P<title>.+)$", re.IGNORECASE
)
_EPIC = re.compile(rf"^(?i:epic)\s+#?(?P<token>{_IDENTIFIER}){_SEPARATOR}(?P<title>.*)$")
_EPIC_PREFIXED = re.compile(r"^(?P<token>EPIC-[\w.-]+?)(?:\s*[:\u2013\u2014]\s*|\s+-\s+|$)(?P<title>.*)$")
_EPIC_NAMED = re.compile(r"^epic(?:\s+(?P<token>[^:]{1,40}))?\s*:\s*(?P<title>.+)$", re.IGNORECASE)
_SPRINT = re.compile(
    r"^sprint\s+#?(?P<token>\d[\w.-]*?)(?:\s+plan)?(?:\s*[:\u2013\u2014]\s*|\s+-\s+|\s*$)(?P<title>.*)$",
    re.IGNORECASE,
)
_PHASE = re.compile(rf"^(?i:phase)\s+#?(?P<token>{_IDENTIFIER}|[A-Za-z]+(?=\s*:)){_SEPARATOR}(?P<title>.*)$")

_STORY_PREFIXES = frozenset({"US", "STORY", "TASK"})
_NOT_STORIES = frozenset({"EPIC", "SPRINT", "PHASE"})
_STORY_SIGNS = frozenset(
    {
        "tasks",
        "acceptance criteria",
        "files",
        "files modified",
        "files touched",
        "files changed",
        "agent",
        "agents",
    }
)


@dataclass(frozen=True, slots=True)
class Heading:
    """The id and the title that a heading gives."""

    id: str
    title: str
    kind: StoryKind = "story"
    number: int | None = None


def story_heading(section: Section, *, in_epic: bool) -> Heading | None:
    """Read the heading of a story; None where it is no story's.

    Args:
        section: any section.
        in_epic: whether it stands in an epic, where a section with a story's labels is a story whatever
            its heading looks like.
    """
    raw = section.title.text
    title = without_numbering(raw)
    match = _WORDED.match(title)
    if match:
        return _worded_story(match)
    match = _PREFIXED.match(title)
    if match and match["prefix"] not in _NOT_STORIES:
        known = match["prefix"] in _STORY_PREFIXES
        if known or in_epic or has_story_signs(section):
            return Heading(match["token"], match["title"].strip())
    if not in_epic or (section.sections and any(story_heading(s, in_epic=True) for s in section.sections)):
        return None
    if not has_story_signs(section):
        return None
    match = _NUMBERED.match(raw)
    if match:
        return Heading(f"Story {match['token']}", match["title"].strip())
    return Heading(title, title)


def epic_heading(section: Section) -> Heading | None:
    """Read the heading of an epic; None where it is no epic's."""
    title = without_numbering(section.title.text)
    match = _EPIC.match(title)
    if match:
        return _with_title(f"Epic {match['token']}", match["title"])
    match = _EPIC_PREFIXED.match(title)
    if match:
        return _with_title(match["token"], match["title"])
    match = _EPIC_NAMED.match(title)
    if match:
        name = match["token"] or match["title"]
        return _with_title(f"Epic {name.strip()}" if match["token"] else name.strip(), match["title"])
    return None


def sprint_heading(section: Section) -> Heading | None:
    """Read the heading of a sprint; None where it is no sprint's."""
    match = _SPRINT.match(without_numbering(section.title.text))
    if match is None:
        return None
    token = match["token"]
    number = int(token) if token.isdigit() else None
    return Heading(f"Sprint {token}", match["title"].strip(), number=number)


def phase_heading(section: Section) -> Heading | None:
    """Read the heading of a phase; None where it is no phase's."""
    match = _PHASE.match(without_numbering(section.title.text))
    return None if match is None else Heading(f"Phase {match['token']}", match["title"].strip())


def opens_work(section: Section) -> bool:
    """Whether a heading is that of a sprint, an epic, a story or a phase, whatever else its words say."""
    return any(
        (
            story_heading(section, in_epic=False),
            epic_heading(section),
            sprint_heading(section),
            phase_heading(section),
        )
    )


def holds_stories(section: Section) -> bool:
    """Whether a story stands anywhere below a heading."""
    in_epic = epic_heading(section) is not None
    return any(story_heading(below, in_epic=in_epic) for below in section.walk() if below is not section)


def has_story_signs(section: Section) -> bool:
    """Whether labels that only stories have stand directly under the heading."""
    labels: set[str] = set()
    for block in section.blocks:
        match block:
            case BulletList():
                labels.update(_label(bullet.text) for bullet in block.bullets)
            case Paragraph():
                labels.update(_label(text) for text in block.lines)
            case _:
                pass
    labels.update(normal(below.title.text) for below in section.sections)
    return bool(labels & _STORY_SIGNS)


def _label(text: Text) -> str:
    """A line's label, bold or not; whether it is one is for the caller to know."""
    return normal(text.label if text.label is not None else text.text.partition(":")[0])


def heading_words(section: Section) -> set[str]:
    """The words of a heading in lower case, without its parenthesis."""
    title, _ = split_parenthesis(without_numbering(section.title.text))
    return set(re.findall(r"[a-z]+", title.lower()))


def _worded_story(match: re.Match[str]) -> Heading:
    is_task = match["word"].lower() == "task"
    is_item = match["word"].lower() == "work item"
    kind: StoryKind = "task" if is_task else "work_item" if is_item else "story"
    word = "Task" if is_task else "Work item" if is_item else "Story"
    found = _with_title(f"{word} {match['token']}", match["title"])
    return Heading(found.id, found.title, kind)


def _with_title(identity: str, title: str) -> Heading:
    return Heading(identity, title.strip() or identity)
