"""From bullets to stories: ids where none are written, nested labels, and references once all are known."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from paceline.domain.plan import Epic, Resources, Sprint, Story
from paceline.plans.backlog import BacklogReader, remark_assumed
from paceline.plans.backlog_labels import STORY_LABELS
from paceline.plans.bullet_items import BulletItem, read_item
from paceline.plans.fields import label_of, normal
from paceline.plans.findings import Code
from paceline.plans.headings import Heading
from paceline.plans.inline import Text, read_line
from paceline.plans.left_out import LeftOut, left_out_in_text
from paceline.plans.outline import Bullet, BulletList, Section
from paceline.plans.reading import Reading
from paceline.plans.resolve import DependencyReader
from paceline.plans.resources import read_words
from paceline.plans.targets import Target, Targets
from paceline.plans.task_entries import box_of


class BulletWork:
    """Collects the stories of one document's bullets."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._backlog_reader = BacklogReader(reading)
        self._without_id: list[Story] = []

    @property
    def stories(self) -> list[Story]:
        """In document order."""
        return self._backlog_reader.backlog.stories

    @property
    def epics(self) -> list[Epic]:
        """In document order."""
        return self._backlog_reader.backlog.epics

    def epic(self, section: Section, heading: Heading, sprint: Sprint | None) -> Epic:
        """Read an epic's heading; the same epic in a later sprint is one epic."""
        known = next((epic for epic in self.epics if epic.id == heading.id), None)
        if known is not None:
            return known
        bare = Section(
            section.level,
            section.title,
            [block for block in section.blocks if not isinstance(block, BulletList)],
        )
        return self._backlog_reader.epic(bare, heading, sprint)

    def add(self, bullet: Bullet, container: str, sprint: Sprint, epic: Epic | None = None) -> Story:
        """Read one bullet with what is nested below it.

        Args:
            bullet: with labels of stories below it, or plain bullets, which are its tasks.
            container: names the place; with the title it is the id of work that has none.
            sprint: the sprint it stands in.
            epic: the epic it stands in.
        """
        text, state = _boxed(bullet.text)
        item = read_item(text)
        identity = item.id or f"{container} / {item.title}"
        title = Text(item.title, bullet.line, item.title, done=text.done)
        children = [_plain_unless_known(child) for child in bullet.children]
        section = Section(6, title, [BulletList(children), *bullet.fences] if children else [*bullet.fences])
        kind = item.kind if item.id is not None else "work_item"
        story = self._backlog_reader.story(
            section, Heading(identity, item.title, kind), epic, sprint, with_remark=False
        )
        if epic is not None:
            epic.stories.append(story.id)
        if state is not None:
            self._reading.keep_cell(story.id, "Status", state, bullet.line)
        if item.id is None:
            self._without_id.append(story)
        self._apply(story, item, bullet.line)
        return story

    def settle(self, resources: Resources) -> None:
        """Give every story an id of its own, and resolve what they refer to."""
        self._number_repeated()
        targets = [Target(story.id, story.title, "story") for story in self.stories]
        targets.extend(Target(epic.id, epic.title, "epic") for epic in self.epics)
        reader = DependencyReader(Targets(targets))
        backlog = self._backlog_reader.backlog
        for story, references in backlog.story_references:
            story.dependencies.extend(one for text, line in references for one in reader.read(text, line))
        for epic, references in backlog.epic_references:
            epic.dependencies.extend(one for text, line in references for one in reader.read(text, line))
        self._reading.warnings.extend(reader.warnings)
        renamed = self._reading.team.settle()
        for story, files in backlog.files:
            story.agents = [renamed.get(agent, agent) for agent in story.agents]
            read_words(story, files, resources, self._reading)
        self._remark_ids()

    def _apply(self, story: Story, item: BulletItem, line: int) -> None:
        remark = item.remark
        story.description = story.description or item.description
        story.points = remark.points if remark.points is not None else story.points
        story.priority = story.priority or remark.priority
        story.done = remark.done if story.done is None else story.done
        remark_assumed(story, remark, line, self._reading)
        agents = remark.agents or self._reading.presume(remark.presumed, story.id, line)
        if agents and not story.agents:
            assigned = self._reading.team.assign(agents, line, story=True)
            story.agents, story.collaborative = assigned.names, assigned.collaborative
            story.agents_as_written, story.agents_line = agents, line
        if remark.dependencies:
            written = [story.dependencies_as_written, *remark.dependencies]
            story.dependencies_as_written = ", ".join(filter(None, written))
            references = [(text, line) for text in remark.dependencies]
            self._backlog_reader.backlog.story_references.append((story, references))
        if remark.doubtful_points:
            self._reading.warn(
                Code.POINTS_NOT_A_NUMBER,
                f"`{remark.doubtful_points}` is not a number of points, so `{story.id}` has none.",
                "Write one number, such as `(5 points)`.",
                line,
            )

    def _number_repeated(self) -> None:
        """Tell work with the same place and title apart by a number."""
        nameless = {id(story) for story in self._without_id}
        taken = {story.id for story in self.stories if id(story) not in nameless}
        repeated: Counter[str] = Counter()
        for story in self._without_id:
            wanted = story.id
            while story.id in taken:
                repeated[wanted] += 1
                story.id = f"{wanted} ({repeated[wanted] + 1})"
            taken.add(story.id)

    def _remark_ids(self) -> None:
        """Say which work is known by its title, and which titles several pieces of work have."""
        if self._without_id:
            first = self._without_id[0]
            self._reading.warn(
                Code.WORK_WITHOUT_ID,
                f"{len(self._without_id)} of {len(self.stories)} pieces of work have no id, so their place "
                f"and title stand for it, such as `{first.id}`.",
                "Write an id in bold in front of each, such as `**US-1.1**: Title`.",
                first.line or 1,
            )
        by_title: dict[str, list[Story]] = {}
        for story in self.stories:
            by_title.setdefault(normal(story.title), []).append(story)
        for stories in by_title.values():
            if len(stories) > 1:
                self._reading.warn(
                    Code.TITLE_REPEATED,
                    f"{len(stories)} pieces of work are called `{stories[0].title}`; they are read as "
                    f"different ones: {', '.join(f'`{story.id}`' for story in stories[:6])}.",
                    "Give each a title of its own, or delete what is written twice.",
                    stories[1].line or 1,
                )


def _boxed(text: Text) -> tuple[Text, LeftOut | None]:
    """A bullet's text without a box that the parser does not know, such as `[~]` and `[-]`."""
    box = box_of(text) if text.done is None else None
    if box is None:
        return text, None if text.done else left_out_in_text(text.text)
    bare = read_line(box.text, text.line)
    return replace(bare, done=None if box.left_out is not None else box.done), box.left_out


def _plain_unless_known(bullet: Bullet) -> Bullet:
    """A bullet as a task where its bold start is no label that stories have."""
    label, _ = label_of(bullet.text, STORY_LABELS.keys())
    if label is None or normal(label) in STORY_LABELS:
        return bullet
    return replace(bullet, text=replace(bullet.text, value=bullet.text.text, lead=None, label=None))
