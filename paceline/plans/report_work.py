"""The work that a completion report tells of: epics with lists of completed tasks, or lists alone."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from paceline.domain.plan import Epic, Fact, File, Item, Sprint, Story, StoryKind
from paceline.plans.fields import bullet_items, contents_of, normal, split_parenthesis
from paceline.plans.findings import Code
from paceline.plans.headings import Heading, epic_heading
from paceline.plans.inline import Text, code_spans
from paceline.plans.labels import Labels, heading_word, per_table, same_names
from paceline.plans.left_out import without_strike
from paceline.plans.marks import unfinished, without_pictures
from paceline.plans.outline import Bullet, Section, bullets_under
from paceline.plans.quantities import points_of
from paceline.plans.reading import Reading
from paceline.plans.remarks import take_remark
from paceline.plans.report_details import FileIndex, is_endpoint

_FINISHED: dict[str, bool | None] = {"completed_work": True, "remaining_work": False, "listed_work": None}
WORK_LABELS = same_names(*_FINISHED)
"""Labels and headings over lists of work."""


def says_finished(label: str) -> bool | None:
    """Whether a label over a list of work says that the work is finished."""
    return _FINISHED[WORK_LABELS[label]]


_INSIDE = re.compile(r"^(?P<name>[^()]{1,400}?) (?P<remark>\([^()]{1,40}\)) ?(?P<rest>[-:\u2013\u2014].*)$")
_FILE = re.compile(r"^[\w./-]*[\w-]\.[A-Za-z]\w{0,7}$")


@per_table
def _labeled_id(table: Labels) -> re.Pattern[str]:
    words = table.alternation("heading.story", "heading.task")
    return re.compile(
        rf"^(?P<id>[A-Za-z]+-\d[\w.-]*?|(?P<word>(?i:{words}))\s*\d[\w.]*)"
        r"(?:\s*[:\uff1a\u2013\u2014]\s*|\s+-\s+|(?<=\d)\s+(?=[^\W\d_])|$)"
    )


class ReportWork:
    """Collects epics and stories of one report.

    Args:
        reading: takes facts and remarks.
        sprint: the only one.
        index: the report's list of files.
    """

    def __init__(self, reading: Reading, sprint: Sprint, index: FileIndex) -> None:
        self._reading = reading
        self._sprint = sprint
        self._index = index
        self._numbered: list[Story] = []
        self._counts: Counter[str] = Counter()
        self.epics: list[Epic] = []
        self.stories: list[Story] = []

    def section(self, section: Section, epic: Epic | None) -> Epic | None:
        """Read a section that is an epic or a list of work.

        Returns:
            The epic that sections below it belong to; None where it is neither.
        """
        heading = _epic_heading(section)
        if heading is not None:
            return self._epic(section, heading)
        # A part of a list of work, such as `Backend` under `Completed`, is one as well.
        above = [] if any(_epic_heading(each) for each in section.above()) else list(section.above())
        label = next((name for name in map(_name, [section, *above]) if name in WORK_LABELS), None)
        if label is None or not bullets_under(section):
            return None
        self.entries(bullets_under(section), epic, finished=section.title.done or says_finished(label))
        return epic or self._implicit()

    def entries(self, bullets: list[Bullet], epic: Epic | None, *, finished: bool | None) -> None:
        """Read the entries of a list of work as stories.

        Args:
            bullets: one for every story; those below one are its tasks.
            epic: the epic that they belong to; None for the implicit one.
            finished: what the list's label says of those without a mark.
        """
        owner = epic or self._implicit()
        for bullet in bullets:
            self._story(bullet, owner, finished)

    def settle(self) -> None:
        """Say which ids the report does not have."""
        if self._numbered:
            first = self._numbered[0]
            self._reading.warn(
                Code.ID_ASSIGNED,
                f"{len(self._numbered)} entries have no ids, so they are numbered: "
                f"`{first.id}` is `{first.title}`.",
                "Write an id before a title, such as `US-1: Title`, if something else refers to it.",
                first.line or 1,
            )
        members: dict[str, list[str]] = {epic.id: [] for epic in self.epics}
        for story in self.stories:
            members[story.epic or ""].append(story.id)
        for epic in self.epics:
            epic.stories = members[epic.id]

    def _epic(self, section: Section, heading: Heading) -> Epic:
        written = heading.id != heading.title
        epic = Epic(
            id=heading.id if written else self._free_epic(),
            title=without_pictures(heading.title),
            line=section.line,
        )
        self.epics.append(epic)
        self._keep_parts(epic)
        found = contents_of(replace(section, sections=[]), WORK_LABELS)
        for entry in found.fields:
            label = normal(entry.label)
            if label in {"goal", "objective", "description"}:
                epic.goal = entry.value or None
            elif label == "priority":
                epic.priority = entry.value or None
            elif label in WORK_LABELS and entry.bullets:
                done = says_finished(label)
                self.entries(entry.bullets, epic, finished=section.title.done if done is None else done)
            else:
                self._reading.keep_field(epic.id, entry)
        if found.bullets and not self._counts[epic.id]:
            self.entries(found.bullets, epic, finished=section.title.done)
            found.bullets.clear()
        self._reading.keep_rest(epic.id, found)
        return epic

    def _story(self, bullet: Bullet, epic: Epic, finished: bool | None) -> None:
        identity, title, rest = _head(bullet.text)
        bare, said = take_remark(title)
        title = bare if bare and said.done else title
        self._counts[epic.id] += 1
        number = self._counts[epic.id]
        done = False if unfinished(bullet.text.text) else bullet.text.done
        done = True if done is None and said.done else done
        story = Story(
            id=identity or f"{epic.id}.T{number}",
            title=title,
            kind=_kind(identity),
            epic=epic.id,
            sprints=[self._sprint.id],
            done=finished if done is None else done,
            tasks=bullet_items(bullet.children),
            line=bullet.line,
        )
        self.stories.append(story)
        if identity is None:
            self._numbered.append(story)
        self._read_rest(story, rest, bullet.line)
        for task in story.tasks:
            self._mentioned(story, task)

    def _read_rest(self, story: Story, rest: str, line: int) -> None:
        """What stands after the title: a remark with points or files, and a description."""
        inside = _INSIDE.match(f"_ {rest}")
        if inside is not None and points_of(inside["remark"][1:-1]) is not None:
            story.points = points_of(inside["remark"][1:-1])
            rest = inside["rest"]
        text, remark = split_parenthesis(rest if not rest.startswith("(") else f"_ {rest}")
        points = points_of(remark or "")
        story.points = points if points is not None else story.points
        paths = [span for span in code_spans(remark or "") if _FILE.match(span)]
        written = [self._add_file(story, path, line, sure=True) for path in paths]
        if any(written):
            story.files_as_written = ", ".join(paths)
        if points is None and not paths:
            text = rest
        story.description = text.removeprefix("_ ").removeprefix("_").strip(" :\uff1a-\u2013\u2014") or None

    def _mentioned(self, story: Story, task: Item) -> None:
        """A file in a task's text is one of the story's where the list of files has it."""
        for span in code_spans(task.text):
            if _FILE.match(span) and not is_endpoint(span) and self._index.find(span):
                self._add_file(story, span, task.line or 1, sure=False)

    def _add_file(self, story: Story, written: str, line: int, *, sure: bool) -> bool:
        """Add a file by its full path; whether that is another than the one written."""
        listed = self._index.find(written)
        path = listed.path if listed else written
        if path not in {file.path for file in story.files}:
            story.files.append(File(path=path, new=listed.new if listed else False))
            story.files_line = story.files_line or line
        if path == written:
            return False
        if not sure:
            story.files_as_written = ", ".join(filter(None, [story.files_as_written, written]))
        self._reading.warn(
            Code.PATH_COMPLETED,
            f"`{written}` is taken for `{path}`, the only file in the list of files that ends in it.",
            f"Write `{path}` here.",
            line,
        )
        return True

    def _keep_parts(self, epic: Epic) -> None:
        """The parts of a title such as `Name - Slice`; the title stays whole."""
        name, hyphen, part = epic.title.partition(" - ")
        if hyphen:
            value = {"name": name.strip(), "slice": part.strip()}
            self._reading.facts.append(Fact(section=epic.id, name="title parts", value=value, line=epic.line))

    def _implicit(self) -> Epic:
        epic = next((epic for epic in self.epics if epic.implicit), None)
        if epic is None:
            epic = Epic(id=self._free_epic(), title="Completed work", implicit=True)
            self.epics.append(epic)
        return epic

    def _free_epic(self) -> str:
        taken = {epic.id for epic in self.epics}
        number = len(self.epics) + 1
        while f"E{number}" in taken:
            number += 1
        return f"E{number}"


def _name(section: Section) -> str:
    return split_parenthesis(without_pictures(section.title.text))[0]


def _epic_heading(section: Section) -> Heading | None:
    """The heading of an epic, read without its pictures."""
    bare = Section(level=section.level, title=_plain(section.title))
    return epic_heading(bare)


def _plain(text: Text) -> Text:
    bare = without_pictures(text.text)
    return Text(text=bare, line=text.line, value=bare, done=text.done)


def _kind(identity: str | None) -> StoryKind:
    match = _labeled_id().match(identity or "")
    if match is None or (match["word"] and heading_word(match["word"])[0] == "heading.task"):
        return "task"
    return "story"


def _head(text: Text) -> tuple[str | None, str, str]:
    """The id, the title and the rest of an entry: bold text is the title, else all up to a spaced dash."""
    bare = without_strike(without_pictures(text.text))
    text = text if bare in text.text and "~~" not in text.text else Text(bare, text.line, bare)
    if text.lead is not None and bare.startswith(text.lead):
        title = text.lead.rstrip(":").strip()
        rest = bare[len(text.lead) :].strip()
    else:
        title, rest = bare, ""
        name, remark = split_parenthesis(bare)
        if remark is not None:
            title, rest = name, f"({remark})"
    match = _labeled_id().match(title)
    if match is None:
        return None, title or bare, rest
    name = title[match.end() :].strip()
    if name and rest:
        return match["id"], name, rest
    text_after = name or rest.lstrip(" :\uff1a-\u2013\u2014")
    if inside := _INSIDE.match(text_after):
        return match["id"], inside["name"], f"{inside['remark']} {inside['rest']}"
    name, remark = split_parenthesis(text_after)
    return match["id"], name or match["id"], f"({remark})" if remark else ""
