"""Which headings of an agent sprint plan open a sprint, an epic, a story or a phase, and their ids."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from paceline.domain.plan import StoryKind
from paceline.plans.field_lines import fields_of_table, label_of
from paceline.plans.fields import normal, split_parenthesis, without_numbering
from paceline.plans.folding import at_colon, folded
from paceline.plans.inline import Text
from paceline.plans.labels import Labels, Words, concept_of, heading_word, labels, per_table
from paceline.plans.left_out import without_strike
from paceline.plans.marks import without_pictures
from paceline.plans.outline import BulletList, Paragraph, Section, Table
from paceline.plans.quantities import whole_number
from paceline.plans.time_boxes import sprint_match

_IDENTIFIER = r"(?:[A-Za-z]*[-_.]?\d[\w.-]*?|[A-Za-z]+(?:-[A-Za-z]+)*-\d[\w.-]*?|[A-Z]{1,2})"
_COLON = r"\s*[:\uff1a\u3001\u2013\u2014]\s*"
_SEPARATOR = rf"(?:{_COLON}|\s+-\s+|\.\s+|\s*$)"
# Chinese words need no blank before the number, and digits may stick to any word.
_GAP = r"(?:\s+|(?=\d)|(?<=[\u2e80-\u9fff])\s*)#?"
_PREFIXED = re.compile(
    r"^(?P<token>(?P<prefix>[A-Z][A-Za-z0-9]*)(?:-[A-Z][A-Za-z0-9]*)*-[A-Z]{0,5}\d[\w.-]*?)"
    rf"(?P<end>{_COLON}|\s+[-\u00b7|]\s+|\s+)(?P<title>\S.*)$"
)
_COMPACT = re.compile(
    rf"^(?P<token>#\d+|[A-Z]{{1,5}}\d+(?:\.\d+)*)(?:{_COLON}|\s+[-\u00b7|]\s+|\s+)(?P<title>\S.*)$"
)
_LINKED = re.compile(r"^`?\[(?P<text>[^\[\]]{1,200})\](?:\([^()]{0,400}\))?`?\s*(?P<rest>.*)$")
_BADGE = re.compile(r"\s?!\[[^\[\]]{0,200}\]\([^()]{0,400}\)$")
_DOTTED = re.compile(r"^\d+(?:\.\d+)+$")
_EPIC_PREFIXED = re.compile(rf"^(?P<token>EPIC-[\w.-]+?)(?:{_COLON}|\s+-\s+|$)(?P<title>.*)$")
_WORK: dict[str, StoryKind] = {
    "heading.story": "story",
    "heading.task": "task",
    "heading.work_item": "work_item",
}
_STORY_PREFIXES = frozenset({"US", "STORY", "TASK"})
_NOT_STORIES = frozenset({"EPIC", "SPRINT", "PHASE", "WEEK", "DAY", "MILESTONE", "RISK", "ADR"})
_STRONG_SIGNS = Words("tasks", "acceptance_criteria", "files", "agents")
_WEAK_SIGNS = Words("points", "dependencies", "priority", "checks")
_SIGNS = Words(
    "tasks", "acceptance_criteria", "files", "agents", "points", "dependencies", "priority", "checks"
)
_OWN_NUMBER = re.compile(r"^(\d+(?:\.\d+)*)[.)]\s")


@per_table
def _worded(table: Labels) -> re.Pattern[str]:
    words = table.alternation(*_WORK)
    return re.compile(rf"^(?P<word>(?i:{words})){_GAP}(?P<token>{_IDENTIFIER}){_SEPARATOR}(?P<title>.*)$")


@per_table
def _numbered(table: Labels) -> re.Pattern[str]:
    words = table.alternation("heading.story")
    return re.compile(
        rf"^(?P<token>\d+(?:\.\d+)*)[.)\u3001]?\s+(?:(?:{words})\s*[:\uff1a\u2013-]\s*)?(?P<title>.+)$",
        re.IGNORECASE,
    )


@per_table
def _epic(table: Labels) -> re.Pattern[str]:
    words = table.alternation("heading.epic")
    return re.compile(rf"^(?P<word>(?i:{words})){_GAP}(?P<token>{_IDENTIFIER}){_SEPARATOR}(?P<title>.*)$")


@per_table
def _epic_named(table: Labels) -> re.Pattern[str]:
    words = table.alternation("heading.epic")
    return re.compile(
        rf"^(?P<word>{words})(?:\s+(?P<token>[^:\uff1a]{{1,40}}))?\s*[:\uff1a]\s*(?P<title>.+)$",
        re.IGNORECASE,
    )


@per_table
def _phase(table: Labels) -> re.Pattern[str]:
    words = table.alternation("heading.phase")
    return re.compile(
        rf"^(?P<word>(?i:{words})){_GAP}(?P<token>{_IDENTIFIER}|[A-Za-z]+(?=\s*:)){_SEPARATOR}(?P<title>.*)$"
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
    raw = heading_text(section)
    title = without_numbering(raw)
    match = _worded().match(title)
    if match:
        return _worded_story(match)
    match = _PREFIXED.match(title)
    if match and match["prefix"].upper() not in _NOT_STORIES and _is_identity(match, section, in_epic):
        return Heading(match["token"], match["title"].strip())
    match = _numbered().match(raw)
    in_epic = in_epic or bool(match and _DOTTED.match(match["token"])) or _stands_among_stories(section)
    if not in_epic or (section.sections and any(story_heading(s, in_epic=True) for s in section.sections)):
        return None
    if not has_story_signs(section):
        return None
    if match:
        return Heading(f"Story {match['token']}", match["title"].strip())
    match = _COMPACT.match(title)
    if match:
        return Heading(match["token"], match["title"].strip())
    return None if concept_of(title) is not None else Heading(title, title)


def heading_text(section: Section) -> str:
    """A heading without its pictures, with a link or brackets at its start as plain text."""
    text = without_strike(without_pictures(section.title.text))
    match = _LINKED.match(text)
    text = f"{match['text']} {match['rest']}".strip() if match else text
    return _BADGE.sub("", text) if text.endswith(")") else text


def _is_identity(match: re.Match[str], section: Section, in_epic: bool) -> bool:
    """Whether the word with a number that starts a heading is the id of a story."""
    prefix, separated = match["prefix"], bool(match["end"].strip())
    if prefix in _STORY_PREFIXES or (separated and prefix.upper() in _STORY_PREFIXES):
        return True
    return (in_epic and separated and prefix.isupper()) or has_story_signs(section)


def _stands_among_stories(section: Section) -> bool:
    """Whether the heading above says that stories follow."""
    above = section.parent
    return above is not None and above.level > 0 and concept_of(heading_text(above)) == "stories"


def epic_heading(section: Section) -> Heading | None:
    """Read the heading of an epic; None where it is no epic's."""
    raw = heading_text(section)
    title = without_numbering(raw)
    match = _epic().match(title)
    if match:
        return _with_title(_identity(match), match["title"])
    match = _EPIC_PREFIXED.match(title)
    if match:
        return _with_title(match["token"], match["title"])
    match = _epic_named().match(title)
    if match:
        if match["token"]:
            return _with_title(_identity(match), match["title"])
        number = _OWN_NUMBER.match(raw)
        name = match["title"].strip()
        return Heading(f"{heading_word(match['word'])[1]} {number[1]}" if number else name, name)
    return None


def sprint_heading(section: Section) -> Heading | None:
    """Read the heading of a sprint; None where it is no sprint's."""
    match = sprint_match(without_numbering(heading_text(section)))
    if match is None:
        return None
    return Heading(_identity(match), match["title"].strip(), number=whole_number(match["token"]))


def phase_heading(section: Section) -> Heading | None:
    """Read the heading of a phase; None where it is no phase's."""
    match = _phase().match(without_numbering(heading_text(section)))
    return None if match is None else Heading(_identity(match), match["title"].strip())


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
    names: set[str] = set()
    for block in section.blocks:
        match block:
            case BulletList():
                names.update(_label(bullet.text) for bullet in block.bullets)
            case Paragraph():
                names.update(_label(text) for text in block.lines)
            case _:
                pass
    names.update(normal(below.title.text) for below in section.sections)
    tables = [fields_of_table(block) for block in section.blocks if isinstance(block, Table)]
    names.update(normal(label) for fields in tables for label, _, _ in fields or [])
    weak = sum(name in _WEAK_SIGNS for name in names)
    return weak > 1 or any(name in _STRONG_SIGNS for name in names)


def _label(text: Text) -> str:
    """A line's label, bold or not; whether it is one is for the caller to know."""
    label, _ = label_of(text, _SIGNS)
    return normal(label if label is not None else at_colon(text.text)[0])


def heading_words(section: Section) -> set[str]:
    """The words of a heading in lower case, without its parenthesis; those of other languages in English."""
    title, _ = split_parenthesis(without_numbering(section.title.text))
    return words_in_english(title)


def words_in_english(text: str) -> set[str]:
    """The words of a text in lower case, with what the table knows of headings in English."""
    return set(_english(text, labels()))


@lru_cache(maxsize=16_384)
def _english(text: str, table: Labels) -> frozenset[str]:
    """Every heading is asked for its words several times."""
    pattern, meanings = _topics_of(table)
    bare = pattern.sub(lambda match: f" {meanings[match[0]]} ", folded(text))
    return frozenset(re.findall(r"[a-z]+", bare))


_TOPICS = (
    "success_criteria",
    "acceptance_criteria",
    "definition_of_done",
    "definition_of_ready",
    "deliverables",
    "risks",
    "metrics",
    "contingency",
)


@lru_cache(maxsize=8)
def _topics_of(table: Labels) -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern for what other languages call the topics of sections, and what English calls them."""
    meanings: dict[str, str] = {}
    for concept in (*_TOPICS, *table.concepts("topic")):
        english = table.rows(concept)["en"]
        for word in (word for word in table.words(concept) if word not in english):
            meanings.setdefault(folded(word), english[0])
    longest_first = sorted(meanings, key=len, reverse=True)
    words = "|".join(
        re.escape(word) if not word.isascii() else rf"\b{re.escape(word)}\b" for word in longest_first
    )
    return re.compile(words or "(?!)"), meanings


def _identity(match: re.Match[str]) -> str:
    """An id such as `Story 1.1`, with the word that ids have in the heading's language."""
    return f"{heading_word(match['word'])[1]} {match['token'].strip()}"


def _worded_story(match: re.Match[str]) -> Heading:
    concept, _ = heading_word(match["word"])
    found = _with_title(_identity(match), match["title"])
    return Heading(found.id, found.title, _WORK[concept])


def _with_title(identity: str, title: str) -> Heading:
    return Heading(identity, title.strip() or identity)
