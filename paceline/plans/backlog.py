"""Sprints, epics and stories of an agent sprint plan, before their references are resolved."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from paceline.domain.plan import Epic, Item, Sprint, Story
from paceline.plans.backlog_labels import EPIC_LABELS, SPRINT_LABELS, STORY_LABELS
from paceline.plans.changes import read_change
from paceline.plans.fields import Field, bullet_items, items_of, normal, values_of
from paceline.plans.findings import Code
from paceline.plans.headings import Heading, story_heading
from paceline.plans.inline import code_spans
from paceline.plans.labels import Words
from paceline.plans.left_out import left_out_in_text
from paceline.plans.outline import Section
from paceline.plans.paths import FileList, read_files
from paceline.plans.quantities import points_value
from paceline.plans.reading import Reading, contents
from paceline.plans.remarks import Remark, take_remark
from paceline.plans.splitting import split_outside
from paceline.plans.statuses import is_done

_FIRST_PRIORITY = re.compile(r"^[\[(](?P<word>P\d)[\])]\s*(?P<title>\S.*)$", re.IGNORECASE)
_NO = Words("value.no")
_NOBODY = Words("value.nobody")


@dataclass(slots=True)
class Backlog:
    """What was found, with the references that wait to be resolved."""

    sprints: list[Sprint] = field(default_factory=list[Sprint])
    epics: list[Epic] = field(default_factory=list[Epic])
    stories: list[Story] = field(default_factory=list[Story])
    epic_references: list[tuple[Epic, list[tuple[str, int]]]] = field(
        default_factory=list[tuple[Epic, list[tuple[str, int]]]]
    )
    story_references: list[tuple[Story, list[tuple[str, int]]]] = field(
        default_factory=list[tuple[Story, list[tuple[str, int]]]]
    )
    files: list[tuple[Story, FileList]] = field(default_factory=list[tuple[Story, FileList]])


class BacklogReader:
    """Reads the sections that stories, epics and sprints stand in."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.backlog = Backlog()
        self._first_epics: dict[str, Epic] = {}
        self._epics_in_sprints: set[tuple[str | None, str]] = set()

    def sprint(self, section: Section, heading: Heading) -> Sprint:
        """Read a sprint's heading and labels."""
        name = heading.title if heading.title != heading.id else ""
        optional = "(if needed)" in name.lower() or "(optional)" in name.lower()
        sprint = Sprint(
            id=heading.id, name=name or None, number=heading.number, optional=optional, line=section.line
        )
        found = contents(section, SPRINT_LABELS)
        for entry in found.fields:
            match SPRINT_LABELS.get(normal(entry.label)):
                case "goal":
                    sprint.goal = entry.value
                case "duration":
                    sprint.duration_text = entry.value
                case "points":
                    sprint.points_stated = self.points(entry, sprint.id)
                case "capacity":
                    sprint.capacity_points = self.points(entry, sprint.id)
                case _:
                    self._reading.keep_field(sprint.id, entry)
        self._reading.keep_rest(sprint.id, found)
        self._reading.keep_others(sprint.id, section, fields_read=True)
        self.backlog.sprints.append(sprint)
        return sprint

    def epic(self, section: Section, heading: Heading, sprint: Sprint | None) -> Epic:
        """Read an epic's heading and labels; the same epic in a later sprint is one epic."""
        epic = self._continued(heading, sprint)
        if epic is None:
            title, remark = take_remark(heading.title)
            epic = Epic(
                id=title if title and heading.id == heading.title else heading.id,
                title=title or heading.title,
                points=remark.points if title else None,
                line=section.line,
            )
            self._first_epics.setdefault(epic.id, epic)
            self.backlog.epics.append(epic)
        found = contents(section, EPIC_LABELS)
        references: list[tuple[str, int]] = []
        for entry in found.fields:
            match EPIC_LABELS.get(normal(entry.label)):
                case "priority":
                    epic.priority = entry.value or None
                case "dependencies":
                    references.extend(values_of(entry))
                case "points":
                    epic.points = self.points(entry, epic.id)
                case "owner":
                    epic.owner = entry.value or None
                case "goal":
                    epic.goal = entry.value or None
                case _:
                    self._reading.keep_field(epic.id, entry)
        self._reading.keep_rest(epic.id, found)
        self._reading.keep_others(epic.id, section, fields_read=True)
        if references:
            epic.dependencies_as_written = ", ".join(text for text, _ in references)
            self.backlog.epic_references.append((epic, references))
        return epic

    def story(
        self,
        section: Section,
        heading: Heading,
        epic: Epic | None,
        sprint: Sprint | None,
        *,
        with_remark: bool = True,
    ) -> Story:
        """Read a story's heading, labels and lists; `with_remark` where its title may end in a remark."""
        story = Story(
            id=heading.id,
            title=heading.title,
            kind=heading.kind,
            epic=epic.id if epic else None,
            sprints=[sprint.id] if sprint else [],
            done=section.title.done,
            line=section.line,
        )
        self.backlog.stories.append(story)
        if with_remark:
            self._read_title(story, section, bare=heading.id != heading.title)
        found = contents(section, STORY_LABELS)
        files = FileList()
        for entry in found.fields:
            self._story_field(story, entry, files)
        if found.prose and story.description is None:
            # A footnote stands beside the text, not in it.
            told = [text for text in found.prose if not text.text.startswith("[^")]
            story.description = " ".join(text.text for text in told) or None
            found.prose = [text for text in found.prose if text not in told]
        if found.bullets and not story.tasks:
            story.tasks = bullet_items(found.bullets)
            found.bullets.clear()
        self._epics_in_sprints.update((story.epic, name) for name in story.sprints)
        self._reading.keep_rest(story.id, found)
        self._reading.keep_others(story.id, section, fields_read=True)
        self.backlog.files.append((story, files))
        for below in section.sections:
            self._below_story(story, below)
        return story

    def points(self, entry: Field, owner: str | None = None) -> float | None:
        """The number of a points label of an owner; None with a remark where it is no number."""
        points = points_value(entry.value)
        if points is not None:
            return points
        if entry.value:
            self._reading.warn(
                Code.POINTS_NOT_A_NUMBER,
                f"`{entry.label}: {entry.value}` is not a number of points, so there are none.",
                "Write one number, such as `5`.",
                entry.line,
            )
            self._reading.keep_field(owner or entry.label, entry)
        return None

    def _continued(self, heading: Heading, sprint: Sprint | None) -> Epic | None:
        """The epic of that id from an earlier sprint; within one sprint the same id is a duplicate."""
        if sprint is None or (heading.id, sprint.id) in self._epics_in_sprints:
            return None
        return self._first_epics.get(heading.id)

    def _story_field(self, story: Story, entry: Field, files: FileList) -> None:
        values = [text for text, _ in values_of(entry)]
        match STORY_LABELS.get(normal(entry.label)):
            case "agents":
                self._agents(story, ", ".join(values), entry.line)
            case "dependencies":
                story.dependencies_as_written = ", ".join(
                    filter(None, [story.dependencies_as_written, *values])
                )
                self.backlog.story_references.append((story, values_of(entry)))
            case "tasks":
                story.tasks.extend(items_of(entry))
            case "criteria":
                story.acceptance_criteria.extend(items_of(entry))
            case "files":
                _add_files(story, files, read_files(values), entry)
            case "new_files":
                _add_files(story, files, read_files(values, new=True), entry)
            case "checks":
                self._checks(story, entry)
            case name:
                self._story_word(story, entry, name)

    def _story_word(self, story: Story, entry: Field, name: str | None) -> None:
        value = entry.value
        match name:
            case "points":
                story.points = self.points(entry, story.id)
            case "priority":
                story.priority = value or None
            case "description":
                story.description = " ".join([value, *(b.text.text for b in entry.bullets)]).strip() or None
            case "approval":
                story.approval = value not in _NO
            case "change" | "no_change":
                read_change(story, entry, name, self._reading)
            case "sprints" if value:
                story.sprints = [_sprint_id(part) for part in split_outside(value, ",;")]
            case "status" if value:
                said = is_done(value)
                story.done = said if said is not None else entry.done or story.done
                self._reading.keep_field(story.id, entry)
            case "phase" if value:
                story.phase = value if value.lower().startswith("phase") else f"Phase {value}"
            case "epic" if value and story.epic is None:
                story.epic = value
            case _:
                self._reading.keep_field(story.id, entry)

    def _agents(self, story: Story, written: str, line: int) -> None:
        if written in _NOBODY:
            return
        assigned = self._reading.team.assign(written, line, story=True)
        story.agents = list(dict.fromkeys([*story.agents, *assigned.names]))
        story.agents_as_written = ", ".join(filter(None, [story.agents_as_written, written]))
        story.agents_line = story.agents_line or line
        story.collaborative = assigned.collaborative or len(story.agents) > 1

    def _checks(self, story: Story, entry: Field) -> None:
        for text, line in values_of(entry):
            commands = code_spans(text)
            story.checks.extend(commands)
            if not commands and text not in _NO:
                self._reading.warn(
                    Code.CHECK_WITHOUT_COMMAND,
                    f"The check `{text}` of `{story.id}` names no command in backticks, so nothing runs it.",
                    "Put the command in backticks, or move the sentence to the acceptance criteria.",
                    line,
                )
        for fence in entry.fences:
            lines = (line.strip().removeprefix("$ ") for line in fence.text.splitlines())
            story.checks.extend(line for line in lines if line and not line.startswith("#"))

    def _read_title(self, story: Story, section: Section, *, bare: bool) -> None:
        title, remark = take_remark(story.title, bare=bare)
        if title and not remark.empty:
            story.title = title
            self._remark(story, remark, section.line)
        first = _FIRST_PRIORITY.match(story.title)
        if first is not None:
            story.priority, story.title = first["word"], first["title"]
        state = None if story.done else left_out_in_text(section.title.text)
        if state is not None:
            self._reading.keep_cell(story.id, "Status", state, section.line)

    def _remark(self, story: Story, remark: Remark, line: int) -> None:
        """What stands behind a title; a label of the story's own comes after it and holds."""
        story.points, story.priority = remark.points, remark.priority
        story.done = remark.done if story.done is None else story.done
        remark_assumed(story, remark, line, self._reading)
        agents = remark.agents or self._reading.presume(remark.presumed, story.id, line)
        if agents:
            self._agents(story, agents, line)
        if remark.dependencies:
            story.dependencies_as_written = ", ".join(remark.dependencies)
            self.backlog.story_references.append((story, [(text, line) for text in remark.dependencies]))

    def _below_story(self, story: Story, section: Section) -> None:
        """A heading in a story is one of its labels, one of its tasks, or something to keep."""
        if normal(section.title.text) in STORY_LABELS:
            return
        heading = story_heading(section, in_epic=False)
        if heading is not None and heading.kind == "task":
            title = section.title
            story.tasks.append(Item(text=title.text, done=title.done, line=section.line))
            found = contents(section, {})
            story.tasks.extend(bullet_items(found.bullets))
            return
        self._reading.keep_section(section)


def remark_assumed(story: Story, remark: Remark, line: int, reading: Reading) -> None:
    """Say, for the first story of a plan, that a number behind its title is taken for its points."""
    if remark.assumed and all(warning.code != Code.POINTS_ASSUMED for warning in reading.warnings):
        reading.warn(
            Code.POINTS_ASSUMED,
            f"`{remark.assumed}` behind the title of `{story.id}` is taken for its points, as are other such "
            "numbers.",
            "Write the unit, such as `(3 points)`.",
            line,
        )


def _add_files(story: Story, all_files: FileList, found: FileList, entry: Field) -> None:
    story.files.extend(found.files)
    story.files_line = story.files_line or entry.line
    all_files.words.extend(found.words)
    all_files.globs.extend(found.globs)
    if not found.exact:
        written = ", ".join(text for text, _ in values_of(entry))
        story.files_as_written = ", ".join(filter(None, [story.files_as_written, written]))


def _sprint_id(text: str) -> str:
    bare = " ".join(text.split())
    return f"Sprint {bare}" if bare[:1].isdigit() else bare
