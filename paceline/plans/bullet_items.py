"""One bullet as one piece of work: its id, title and description, and the remark at its end."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from paceline.domain.plan import StoryKind
from paceline.plans.folding import plain_signs
from paceline.plans.inline import Text
from paceline.plans.labels import Labels, heading_word, per_table
from paceline.plans.quantities import points_of, says_points

_DOTTED = r"\d+(?:\.\d+)*[a-z]?"
_PREFIXED = (
    rf"[A-Z][A-Z0-9]{{0,14}}(?:-[A-Z0-9]{{1,15}}){{0,4}}-{_DOTTED}"
    rf"|(?:US|ST|T|TASK|STORY|UC|FR)_?{_DOTTED}|#\d+"
)
_BARE = r"(?P<bare>\d+(?:\.\d+)+)"
_END = r"(?:\s*[:\u2013\u2014\uff1a]\s*|\s+-\s+|\s*$)"
_PREFIX_AND_BLANK = re.compile(rf"^(?P<id>{_PREFIXED})(?P<end>\s+)(?P<rest>\S.*)$")
_PARTS = re.compile(r"[,;|\u00b7]")
_SEPARATORS = "-\u2013\u2014:|,\u00b7"
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


@per_table
def _depends(table: Labels) -> re.Pattern[str]:
    words = table.alternation("dependencies", "joiner.after")
    return re.compile(rf"^(?:{words})\s*[:\uff1a]?\s*(?P<what>\S.*)$", re.IGNORECASE)


@per_table
def _agent(table: Labels) -> re.Pattern[str]:
    words = table.alternation("agents")
    return re.compile(rf"^(?:(?:{words})\s*[:\uff1a]\s*(?P<named>\S.*)|@(?P<at>\w[\w .-]*))$", re.IGNORECASE)


@per_table
def _priority(table: Labels) -> re.Pattern[str]:
    words, labels = table.alternation("value.priority"), table.alternation("priority")
    return re.compile(
        rf"^(?:(?:{labels})\s*[:\uff1a]?\s*)?(?P<word>p\d|{words})(?:\s+(?:{labels}))?$", re.IGNORECASE
    )


@dataclass(slots=True)
class Remark:
    """What stands behind a title, such as `(3 points, high, @ada, depends on US-1.1)`."""

    points: float | None = None
    doubtful_points: str | None = None
    priority: str | None = None
    agents: str | None = None
    dependencies: list[str] = field(default_factory=list[str])

    @property
    def empty(self) -> bool:
        """Whether nothing was said."""
        return self == Remark()


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
    if text.label is not None:
        head, tail, separated = text.label, text.value, True
    elif text.lead is not None:
        head, tail = text.lead, text.text.removeprefix(text.lead).strip()
        separated = tail[:1] in tuple(_LEADING[2:]) or not tail or tail.startswith(("(", "["))
        tail = tail.lstrip(_LEADING)
    else:
        head, tail, separated = "", text.text, False
    tail, remark = take_remark(tail)
    if not head:
        return _plain(tail, remark)
    if remark.empty:
        head, remark = take_remark(head)
    return replace(_bold(head, tail, separated), remark=remark)


def take_remark(text: str) -> tuple[str, Remark]:
    """Split what is known about points, priority, agent and dependencies off the end of a text."""
    remark = Remark()
    while plain_signs(text).endswith((")", "]")):
        plain = plain_signs(text)
        start = plain.rfind("(" if plain.endswith(")") else "[")
        inner = text[start + 1 : -1]
        if start < 0 or not _take_parts(inner, remark):
            break
        text = text[:start].rstrip()
    if remark.empty and points_of(text) is not None:
        return "", Remark(points=points_of(text))
    if remark.points is None and remark.doubtful_points is None:
        place = max(text.rfind(separator) for separator in _SEPARATORS)
        points = points_of(text[place + 1 :]) if place >= 0 else None
        if points is not None:
            remark.points, text = points, text[:place].rstrip(" \t" + _SEPARATORS)
    return text, remark


def _take_parts(inner: str, remark: Remark) -> bool:
    """Whether every part is known; only then are they taken."""
    found = replace(remark, dependencies=list(remark.dependencies))
    whole = points_of(inner)
    parts = [inner] if whole is not None else [part.strip() for part in _PARTS.split(plain_signs(inner))]
    after_dependency = False
    for part in parts:
        priority, agent, depends = _priority().match(part), _agent().match(part), _depends().match(part)
        points = points_of(part)
        if points is not None:
            found.points = points
        elif says_points(part):
            found.doubtful_points = part
        elif priority:
            found.priority = priority["word"]
        elif agent:
            name = (agent["named"] or agent["at"]).strip()
            found.agents = f"{found.agents}, {name}" if found.agents else name
        elif depends or (after_dependency and _ids()[1].match(part)):
            found.dependencies.append(depends["what"] if depends else part)
            after_dependency = True
            continue
        else:
            return False
        after_dependency = False
    remark.points, remark.doubtful_points = found.points, found.doubtful_points
    remark.priority, remark.agents = found.priority, found.agents
    remark.dependencies = found.dependencies
    return True


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
    match = _ids()[1].match(text) or _PREFIX_AND_BLANK.match(text)
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
