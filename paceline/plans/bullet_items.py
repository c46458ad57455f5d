"""One bullet as one piece of work: its id, title and description, and the remark at its end."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from paceline.domain.plan import StoryKind
from paceline.plans.inline import Text
from paceline.plans.labels import Labels, heading_word, per_table
from paceline.plans.left_out import without_strike
from paceline.plans.remark_rows import take_remarks
from paceline.plans.remarks import Remark

_DOTTED = r"\d+(?:\.\d+)*[a-z]?"
_PREFIXED = (
    rf"[A-Z][A-Z0-9]{{0,14}}(?:-[A-Z0-9]{{1,15}}){{0,4}}-{_DOTTED}"
    rf"|(?:US|ST|T|TASK|STORY|UC|FR)_?{_DOTTED}|#\d+"
)
_BARE = r"(?P<bare>\d+(?:\.\d+)+)"
_END = r"(?:\s*[:\u2013\u2014\uff1a]\s*|\s+-\s+|\s*$)"
_PREFIX_AND_BLANK = re.compile(rf"^(?P<id>{_PREFIXED})(?P<end>\s+)(?P<rest>\S.*)$")
_NUMBER_AND_BLANK = re.compile(rf"^(?P<id>(?!)x)?{_BARE}(?P<end>\s+)(?P<rest>[^\W\d_a-z].*)$")
_BRACKETED = re.compile(
    rf"^`?\[(?P<id>{_PREFIXED}|{_DOTTED})\](?:\([^()]{{0,400}}\))?`?\s*[:\u2013\u2014-]?\s*(?P<rest>\S.*)$"
)
_KINDS: dict[str, StoryKind] = {
    "heading.story": "story",
    "heading.task": "task",
    "heading.work_item": "work_item",
}
_LEADING = " \t:\u2013\u2014-\uff1a"


@per_table
def _ids(table: Labels) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """How bold text begins that has an id, and how plain text does."""
    words = table.alternation("heading.story", "heading.task", "heading.work_item")
    gap = r"(?:\s+|(?<=[\u2e80-\u9fff])\s*)"
    worded = rf"(?P<word>(?i:{words})){gap}#?(?P<token>[A-Za-z]*{_DOTTED})"
    start = rf"^(?:(?P<id>{_PREFIXED})|{worded}|{_BARE})"
    return re.compile(rf"{start}(?P<end>{_END}|\s+)(?P<rest>.*)$"), re.compile(
        rf"{start}(?P<end>{_END})(?P<rest>.*)$"
    )


@dataclass(frozen=True, slots=True)
class BulletItem:
    """What a bullet says of a piece of work; `id` is None where it has none."""

    title: str
    id: str | None = None
    kind: StoryKind = "work_item"
    description: str | None = None
    remark: Remark = field(default_factory=Remark)

    @property
    def is_work(self) -> bool:
        """Whether an id or points show that it is a piece of work and no other bullet."""
        return self.id is not None or self.remark.points is not None or bool(self.remark.doubtful_points)


def read_item(text: Text) -> BulletItem:
    """Read `**US-1.1**: Title (3 points)`, `**Title**: description (3 points)` or either without bold.

    Args:
        text: of one bullet.

    Returns:
        Its parts. Bold text that looks like an id is one, else it is the title; what follows an id is the
        title, what follows a bold title and a colon is its description.
    """
    text = _without_brackets(text)
    bare = _ids()[0].match(text.text) is not None
    if text.label is not None:
        head, tail, separated = text.label, text.value, True
    elif text.lead is not None:
        head, tail = text.lead, text.text.removeprefix(text.lead).strip()
        separated = tail[:1] in tuple(_LEADING[2:]) or not tail or tail.startswith(("(", "["))
        tail = tail.lstrip(_LEADING)
    else:
        head, tail, separated = "", text.text, False
    tail, remark = take_remarks(tail, bare=bare)
    if not head:
        return _plain(tail, remark)
    if remark.empty:
        head, remark = take_remarks(head, bare=bare)
    return replace(_bold(head, tail, separated), remark=remark)


def _without_brackets(text: Text) -> Text:
    """An id in brackets or a link at the start, such as `[US-1](address) Title`, as if there were none."""
    plain = without_strike(text.text)
    match = _BRACKETED.match(plain)
    if match is not None:
        plain = f"{match['id']}: {match['rest']}"
    return text if plain == text.text else Text(plain, text.line, plain, done=text.done)


def _bold(head: str, tail: str, separated: bool) -> BulletItem:
    match = _ids()[0].match(head)
    if match is None:
        if separated:
            return BulletItem(title=head, description=tail or None)
        return BulletItem(title=f"{head} {tail}".strip())
    identity, kind = _identity(match)
    title = match["rest"].strip()
    if title:
        return BulletItem(title=title, id=identity, kind=kind, description=tail or None)
    return BulletItem(title=tail or identity, id=identity, kind=kind)


def _plain(text: str, remark: Remark) -> BulletItem:
    match = _ids()[1].match(text) or _PREFIX_AND_BLANK.match(text) or _NUMBER_AND_BLANK.match(text)
    if match is None:
        return BulletItem(title=text, remark=remark)
    identity, kind = _identity(match)
    return BulletItem(title=match["rest"].strip() or identity, id=identity, kind=kind, remark=remark)


def _identity(match: re.Match[str]) -> tuple[str, StoryKind]:
    if match["id"]:
        return match["id"], "story"
    groups = match.groupdict()
    if not groups.get("word"):
        return f"Story {groups['bare']}", "story"
    concept, word = heading_word(" ".join(groups["word"].split()))
    return f"{word} {groups['token']}", _KINDS[concept]
