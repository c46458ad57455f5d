"""What could be left out of a sprint that will be late: the plan's options first, then the least urgent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from paceline.domain.model import Model
from paceline.domain.plan import Contingency, Plan
from paceline.domain.questions import QuestionKind
from paceline.domain.states import FINAL_STATES, SUCCESS_STATES, StoryState
from paceline.domain.status import StoryStatus
from paceline.domain.steering import SteerAction
from paceline.domain.steps import RunStep
from paceline.domain.texts import called

DEFERRED = "DEFERRED"
"""Reason code of a story that a person moved into a later sprint."""
MOST_PROPOSED = 5
"""Stories without the plan's word that are proposed at once."""
MOST_ASKED = 50
"""Options of one question."""
_WHY = 200


class ScopeAction(StrEnum):
    """What choosing an option does."""

    DEFER = "defer"
    """The story moves into the next sprint, or is skipped where there is none."""
    SIMPLIFY = "simplify"
    """The story stays, and its agent is told the plan's words."""
    PULL_IN = "pull_in"
    """The story of a later sprint is done in the running one."""
    ADD = "add"
    """The plan's words become a story of the running sprint."""


@dataclass(frozen=True)
class ScopeWords:
    """The words by which a plan's contingency says what it is for, in every language."""

    late: re.Pattern[str]
    ahead: re.Pattern[str]
    defer: re.Pattern[str]
    simplify: re.Pattern[str]


class Cut(Model):
    """One thing that could be done about a sprint's scope, and why just this one."""

    story: str
    epic: str = ""
    why: str = ""
    id: str = ""
    """What it is chosen by; empty: the story's id."""
    action: ScopeAction = ScopeAction.DEFER
    text: str = Field(default="", max_length=2000)
    """The plan's words, where they matter to who does the story."""

    @property
    def name(self) -> str:
        """What it is chosen by."""
        return (self.id or self.story)[:200]


class ScopeInput(RunStep):
    """A sprint will be late, or has room for more."""

    sprint: str
    day: int
    """How many of its days are over."""
    projected_days: float
    planned_days: int
    ahead: bool = False

    @property
    def kind(self) -> QuestionKind:
        """What is asked."""
        return QuestionKind.EXTRA_WORK if self.ahead else QuestionKind.CUT_SCOPE


class ScopeStep(RunStep):
    """Look what could be done about a sprint's scope, or do what a person chose."""

    sprint: str
    stories: list[str] = Field(default_factory=list[str])
    actor: str = ""
    note: str = Field(default="", max_length=2000)
    cuts: list[Cut] = Field(default_factory=list[Cut])
    """What was chosen."""
    workflow: str = ""
    """Who does it; makes what it does idempotent."""
    steer: SteerAction = SteerAction.PAUSE
    """What is asked of the epics of `cuts`."""


class ScopeReply(Model):
    """What could be done, and where stories that are left out would go."""

    revision: int = 0
    cuts: list[Cut] = Field(default_factory=list[Cut])
    into: str = ""
    """The next sprint; empty where there is none, and stories are skipped."""
    advice: list[str] = Field(default_factory=list[str])
    """What the plan says beside that, of no story."""
    stories: list[str] = Field(default_factory=list[str])
    """For which of the given ones it was done."""


def cuts(
    plan: Plan,
    rows: Sequence[StoryStatus],
    edges: Mapping[str, Sequence[str]],
    ranks: Mapping[str, int],
    sprint: str,
    words: ScopeWords,
) -> list[Cut]:
    """What could be left out of a sprint: of its stories that have not begun.

    One is deferred only where nothing else waits for it; a simpler one may be waited for.

    Args:
        plan: its contingency entries that name stories come first.
        rows: where the run's stories stand.
        edges: the effective dependencies by story.
        ranks: the place in the priority order by story; the largest is the least urgent.
        sprint: the sprint that will be late.
        words: of contingency entries.
    """
    awaited = {name for row in rows if row.state not in FINAL_STATES for name in edges.get(row.id, ())}
    pending = {row.id: row for row in rows if row.sprint == sprint and row.state is StoryState.PENDING}
    free = {key: row for key, row in pending.items() if key not in awaited}
    found = {
        cut.name: cut
        for cut in _by_plan(plan, words)
        if cut.story in (pending if cut.action is ScopeAction.SIMPLIFY else free)
    }
    if found:
        return list(found.values())[:MOST_ASKED]
    least = sorted(free, key=lambda key: (-ranks.get(key, 0), -(free[key].points or 0.0), key))
    return [
        Cut(story=key, why="nothing waits for it, and it is least urgent") for key in least[:MOST_PROPOSED]
    ]


def _by_plan(plan: Plan, words: ScopeWords) -> Iterator[Cut]:
    known = [story.id for story in plan.stories]
    for entry in plan.contingency:
        said = said_by(entry)
        concerned = words.late.search(said) or words.defer.search(said) or words.simplify.search(said)
        if not concerned or words.ahead.search(said):
            continue
        why = f"the plan says so: {said[:_WHY]}"
        for story in stories_named(entry, known):
            if _is_simpler(entry.text or entry.name, story, words):
                text = (entry.text or entry.name)[:2000]
                action = ScopeAction.SIMPLIFY
                yield Cut(story=story, why=why, id=f"simplify {story}", action=action, text=text)
            else:
                yield Cut(story=story, why=why)


def _is_simpler(text: str, story: str, words: ScopeWords) -> bool:
    """Whether the word nearest to a story's name says to simplify it: verbs stand before it or behind it."""
    named = re.search(_named(story), text, re.IGNORECASE)
    begin, end = named.span() if named else (0, 0)
    away = _distance(words.defer, text, begin, end)
    return _distance(words.simplify, text, begin, end) < away


def _distance(word: re.Pattern[str], text: str, begin: int, end: int) -> int:
    """Characters between a place and the nearest of some words; more than there are where there is none."""
    found = (max(begin - match.end(), match.start() - end, 0) for match in word.finditer(text))
    return min(found, default=len(text) + 1)


def advice(plan: Plan, words: ScopeWords) -> list[str]:
    """What the plan says of being late that is of no story; people do it by themselves."""
    known = [story.id for story in plan.stories]
    return [
        said_by(entry)[:_WHY]
        for entry in plan.contingency
        if words.late.search(said_by(entry))
        and not words.ahead.search(said_by(entry))
        and not stories_named(entry, known)
    ][:10]


def more_work(
    plan: Plan,
    rows: Sequence[StoryStatus],
    edges: Mapping[str, Sequence[str]],
    ranks: Mapping[str, int],
    sprint: str,
    words: ScopeWords,
) -> list[Cut]:
    """What else a sprint could do that is ahead: the plan's extra work, then what later ones can begin.

    Args:
        plan, rows, edges, ranks, words: as for `cuts`; contingency and risks are looked through for it.
        sprint: the one that runs; nothing where all of its stories have ended.
    """
    by_id = {row.id: row for row in rows}
    if all(row.state in FINAL_STATES for row in rows if row.sprint == sprint):
        return []
    order = {each.id: number for number, each in enumerate(plan.sprints)}
    later = {
        row.id: row
        for row in rows
        if row.state is StoryState.PENDING
        and order.get(row.sprint, -1) > order.get(sprint, len(order))
        and can_begin(edges.get(row.id, ()), by_id, sprint)
    }
    found = {
        cut.name: cut
        for cut in _extra(plan, words, by_id)
        if cut.action is ScopeAction.ADD or cut.story in later
    }
    ready = [key for key in later if all(by_id[each].state in SUCCESS_STATES for each in edges.get(key, ()))]
    for key in sorted(ready, key=lambda key: (ranks.get(key, 0), order[later[key].sprint]))[:MOST_PROPOSED]:
        why = f"nothing holds it back any more; it is planned for {later[key].sprint}"
        found.setdefault(key, Cut(story=key, why=why, action=ScopeAction.PULL_IN))
    return list(found.values())[:MOST_ASKED]


def can_begin(dependencies: Sequence[str], rows: Mapping[str, StoryStatus], sprint: str) -> bool:
    """Whether a story could be done in a sprint: what it waits for has succeeded, or is done in it."""
    for each in dependencies:
        row = rows.get(each)
        done = row is not None and row.state in SUCCESS_STATES
        coming = row is not None and row.sprint == sprint and row.state not in FINAL_STATES
        if not done and not coming:
            return False
    return True


def _extra(plan: Plan, words: ScopeWords, rows: Mapping[str, StoryStatus]) -> Iterator[Cut]:
    known = [story.id for story in plan.stories]
    # Of a risk, its name says what it is about; to plan ahead is a measure against many.
    risks = [Contingency(name=each.name, text=each.mitigation or each.text) for each in plan.risks]
    entries = [(entry, said_by(entry)) for entry in plan.contingency]
    entries += [(entry, entry.name) for entry in risks]
    for number, (entry, about) in enumerate(entries, 1):
        if not words.ahead.search(about):
            continue
        why = f"the plan says so: {said_by(entry)[:_WHY]}"
        named = stories_named(entry, known)
        for story in named:
            yield Cut(story=story, why=why, action=ScopeAction.PULL_IN)
        key = f"EXTRA-{number}"
        if not named and key not in rows:
            yield Cut(story=key, why=why, action=ScopeAction.ADD, text=(entry.text or entry.name)[:2000])


def said_by(entry: Contingency) -> str:
    """A contingency entry as one line."""
    return " ".join(f"{entry.name}: {entry.text}".split()) if entry.text else " ".join(entry.name.split())


def stories_named(entry: Contingency, known: Sequence[str]) -> list[str]:
    """The stories that an entry names: as its reader found them, else by their ids in its text."""
    if entry.stories:
        return entry.stories
    said = said_by(entry)
    return [key for key in known if re.search(_named(key), said, re.IGNORECASE)]


def _named(story: str) -> str:
    """A pattern for a story's id by itself: `Story 1.1` is not named by `Story 1.10`."""
    return rf"(?<![a-z0-9_]){re.escape(story)}(?![a-z0-9_]|\.\d)"


def scope_question(start: ScopeInput, found: ScopeReply) -> str:
    """What a person is asked."""
    pace = (
        f"{called('Sprint', start.sprint)} has {start.planned_days} days, and at the pace of its first "
        f"{start.day} it takes {start.projected_days:g}."
    )
    lines = "\n".join(_line(cut) for cut in found.cuts)
    if start.ahead:
        return f"{pace} Do some of this in it as well?\n\n{lines}"[:20_000]
    away = f"move it into {found.into}" if found.into else "leave it out"
    other = "\n".join(f"- {each}" for each in found.advice)
    also = f"\n\nThe plan also says, which nobody does unless you see to it:\n\n{other}" if other else ""
    return f"{pace} What of this is done about it? (A story alone: {away}.)\n\n{lines}{also}"[:20_000]


def _line(cut: Cut) -> str:
    return f"- {cut.name}: {meaning(cut)}"[:400]


def meaning(cut: Cut) -> str:
    """An option in a sentence."""
    if cut.action is ScopeAction.ADD:
        return f"a new story, {cut.text}; {cut.why}"
    if cut.action is ScopeAction.SIMPLIFY:
        return f"its agent is told these words; {cut.why}"
    return cut.why
