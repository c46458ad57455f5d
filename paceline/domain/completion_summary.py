"""The completion summary of a run: a markdown document that reads back, as a report, to the same counts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pydantic import Field

from paceline.domain.completion import CompletionCheck
from paceline.domain.measurements import AimState
from paceline.domain.model import Frozen
from paceline.domain.plan import Epic, Plan
from paceline.domain.questions import Question
from paceline.domain.states import SUCCESS_STATES, RunState
from paceline.domain.status import ProjectStatus, StoryStatus

MARK = "<!-- Paceline completion summary -->"
"""The first line: the document says itself what it is, whatever the texts in it look like."""

_SPECIAL = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>&~#|"})
_COLON = r"\s*[:\uff1a]\s*"
_PICTURES = frozenset({"So", "Sk", "Mn", "Cf", "Co", "Cn", "Zs"})
_STATUS = {
    RunState.RUNNING: "In progress",
    RunState.COMPLETED: "Completed",
    RunState.INCOMPLETE: "Incomplete",
    RunState.CANCELLED: "Cancelled",
    RunState.FAILED: "Failed",
}


class FileLog(Frozen):
    """The files that a run changed, from its base to the heads of its sprint branches, in order of path."""

    new: list[str] = Field(default_factory=list[str])
    modified: list[str] = Field(default_factory=list[str])
    deleted: list[str] = Field(default_factory=list[str])


class SummaryCounts(Frozen):
    """What a completion summary counts."""

    epics: int
    stories: int
    done: int
    files_new: int
    files_modified: int
    percent: float
    """Of the stories, done ones times 100, to two places."""


@dataclass(frozen=True)
class SummaryFacts:
    """What is to be told of a run."""

    plan: Plan
    """The one in force."""
    status: ProjectStatus
    check: CompletionCheck
    files: FileLog | None = None
    """None: the repository is not there to be asked."""
    questions: Sequence[Question] = ()
    aims: Sequence[AimState] = field(default_factory=list[AimState])


def count_summary(facts: SummaryFacts) -> SummaryCounts:
    """The counts of a run, as its summary has them; stories that were removed from the plan are in none."""
    stories = _counting(facts)
    done = sum(story.state in SUCCESS_STATES for story in stories)
    files = facts.files or FileLog()
    return SummaryCounts(
        epics=len(_epics(facts)),
        stories=len(stories),
        done=done,
        files_new=len(files.new),
        files_modified=len(files.modified),
        percent=round(100 * done / len(stories), 2) if stories else 0.0,
    )


def completion_summary(facts: SummaryFacts) -> str:
    """The document.

    Every text of the plan and of people is escaped, so that none can be taken for a heading, a mark or
    another entry, neither by the reader nor by a page that shows it.
    """
    counts = count_summary(facts)
    lines = [
        *_head(facts),
        *(line for epic in _epics(facts) for line in _epic(epic, _of_epic(facts, epic.id))),
        *_without_epic(facts),
        *_section("Removed from the plan", map(_named, _removed(facts))),
        *_files(facts.files),
        *_section("Success criteria and metrics", map(_aim, facts.aims)),
        *_section("Decisions of people", map(_decision, _asked(facts.questions))),
        "## Result",
        "",
        f"The run is {_number(counts.percent)}% complete: {counts.done} of {counts.stories} stories "
        "succeeded.",
        "",
        *_section("Next steps", map(_text, facts.check.next_steps)),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


# Parts ---


def _head(facts: SummaryFacts) -> list[str]:
    run = facts.status.run
    entries = [("Status", _STATUS[run.state]), ("Run", f"`{run.id}`"), ("Sprints", _sprints(facts))]
    if run.ended_at is not None:
        entries.insert(0, ("Completion Date", f"{run.ended_at:%Y-%m-%d}"))
    if facts.plan.goal:
        entries.append(("Goal", _text(facts.plan.goal)))
    if facts.status.end_reason:
        entries.append(("Reason", _text(facts.status.end_reason)))
    # Two blanks at the end of a line keep the next one apart.
    return [
        MARK,
        "",
        f"# Completion summary: {_text(run.title) or run.id}",
        "",
        *(f"**{label}**: {value}  " for label, value in entries),
        "",
    ]


def _sprints(facts: SummaryFacts) -> str:
    named = dict.fromkeys(story.sprint for story in _counting(facts))
    return ", ".join(_text(sprint) for sprint in named) or "none"


def _epic(epic: Epic, stories: Sequence[StoryStatus]) -> list[str]:
    done = bool(stories) and all(story.state in SUCCESS_STATES for story in stories)
    lines = [f"## {'✅ ' if done else ''}Epic: {_titled(epic.title or epic.id) or 'untitled'}", ""]
    if epic.goal:
        lines += [f"**Goal**: {_text(epic.goal)}", ""]
    return [*lines, *_stories(stories)]


def _without_epic(facts: SummaryFacts) -> list[str]:
    stories = _of_epic(facts, None)
    return ["## Stories", "", *_entries(stories), ""] if stories else []


def _stories(stories: Sequence[StoryStatus]) -> list[str]:
    done = [story for story in stories if story.state in SUCCESS_STATES]
    left = [story for story in stories if story.state not in SUCCESS_STATES]
    lines = ["**Completed stories**:", *_entries(done), ""] if done else []
    return [*lines, "**Not completed**:", *_entries(left), ""] if left else lines


def _entries(stories: Sequence[StoryStatus]) -> list[str]:
    return [_story(story) for story in stories]


def _story(story: StoryStatus) -> str:
    done = story.state in SUCCESS_STATES
    points = "" if story.points is None else f" ({_number(story.points)} points)"
    what = [story.state.value]
    if done and story.merge_commit:
        what.append(f"merge {story.merge_commit[:12]}")
    if not done and story.reason:
        what.append(_text(story.reason))
    return f"- [{'x' if done else ' '}] **{_named(story)}** {', '.join(what)}{points}"


def _named(story: StoryStatus) -> str:
    name = f"{story.id}: {story.title}" if story.title and story.title != story.id else story.id
    if not any(c.isdigit() for c in re.split(_COLON, name)[0]):
        # Such as `Tasks: more`, which would be a label; those have no digits.
        name = re.sub(_COLON, " - ", name)
    return _titled(name) or "untitled"


def _files(files: FileLog | None) -> list[str]:
    lines = ["## Files created and modified", ""]
    if files is None:
        return [*lines, "Not known: the repository is not there.", ""]
    for title, paths in (
        ("New files created", files.new),
        ("Files modified", files.modified),
        ("Removed", files.deleted),
    ):
        if paths or title != "Removed":
            lines += [f"### {title} ({len(paths)})", "", *(f"- `{_path(path)}`" for path in paths), ""]
    return lines


def _aim(aim: AimState) -> str:
    actual = f", actual {_text(aim.actual)}" if aim.actual else ""
    return f"{_text(aim.name)}: target {_text(aim.target)}{actual}, {aim.verdict.value}"


def _decision(question: Question) -> str:
    answer = question.answer
    if answer is None:
        return f"{_text(question.kind.value)}: {_text(question.state)}"
    about = f" of {_text(question.story)}" if question.story else ""
    chosen = f" {_text(', '.join(answer.chosen))}" if answer.chosen else ""
    note = f", {_text(answer.text)}" if answer.text else ""
    return (
        f"{_text(question.kind.value)}{about}: {answer.decision.value}{chosen} by {_text(answer.actor)}{note}"
    )


def _section(title: str, entries: Iterable[str]) -> list[str]:
    lines = [f"- {entry}" for entry in entries]
    return [f"## {title}", "", *lines, ""] if lines else []


# What is counted ---


def _counting(facts: SummaryFacts) -> list[StoryStatus]:
    return [story for story in facts.status.stories if not story.removed]


def _removed(facts: SummaryFacts) -> list[StoryStatus]:
    return [story for story in facts.status.stories if story.removed]


def _epics(facts: SummaryFacts) -> list[Epic]:
    """Those that the plan writes, and those that only a story names; the one without a name is none."""
    written = [epic for epic in facts.plan.epics if not epic.implicit]
    known = {epic.id for epic in facts.plan.epics}
    named = dict.fromkeys(story.epic for story in _counting(facts) if story.epic)
    return [*written, *(Epic(id=epic, title=epic) for epic in named if epic not in known)]


def _of_epic(facts: SummaryFacts, epic: str | None) -> list[StoryStatus]:
    """The stories of an epic; for None those of no written one."""
    if epic is not None:
        return [story for story in _counting(facts) if story.epic == epic]
    listed = {each.id for each in _epics(facts)}
    return [story for story in _counting(facts) if story.epic not in listed]


def _asked(questions: Iterable[Question]) -> list[Question]:
    return sorted(questions, key=lambda question: (question.asked_at, question.id))


# Texts ---


def _text(text: str) -> str:
    """Text of others as one line in which no sign has a meaning."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(plain.split()).translate(_SPECIAL)


def _titled(text: str) -> str:
    """The same without pictures and marks in front, which would say something of the entry."""
    start = 0
    while start < len(text) and (not text[start].isalnum() or unicodedata.category(text[start]) in _PICTURES):
        start += 1
    # With a colon at its end it would be a label as well.
    return _text(text[start:].rstrip(":\uff1a "))


def _path(path: str) -> str:
    """A path with what cannot stand in backticks on one line written as escapes."""
    return "".join(c if c.isprintable() and c != "`" else f"\\u{{{ord(c):x}}}" for c in path)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
