"""The reader for BMAD's epic and story files: sections such as `Tasks / Subtasks` and `Dev Notes`."""

from __future__ import annotations

import re

from paceline.domain.plan import Item, Plan, Story
from paceline.plans.agent_sprint import AgentSprintReader
from paceline.plans.agents import Team
from paceline.plans.document import Document
from paceline.plans.evidence import Evidence
from paceline.plans.fields import bullet_items, normal
from paceline.plans.findings import in_order
from paceline.plans.headings import story_heading
from paceline.plans.outline import Paragraph, Section, bullets_under
from paceline.plans.paths import read_files
from paceline.plans.reading import Reading
from paceline.plans.resolve import NOTHING, DependencyReader, Target, Targets, key
from paceline.plans.statuses import done_of

KIND = "BMAD story"

_SIGNS = frozenset(
    {"tasks / subtasks", "tasks/subtasks", "dev notes", "dev agent record", "qa results", "prerequisites"}
)
_NUMBERED = re.compile(r"^(?:AC\s*#?)?\d+\s*[:.)]\s*(?P<text>\S.*)$")


class BmadReader:
    """Reads what the agent sprint reader reads, and the sections that BMAD gives to stories."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """One more than that of an agent sprint plan where a story has a section of BMAD's."""
        found = Evidence()
        for section in document.outline.walk():
            signs = {normal(below.title.text) for below in section.sections} & _SIGNS
            if signs and section.level > 0 and story_heading(section, in_epic=False):
                plain = AgentSprintReader().evidence(document)
                found.add(plain.score + 1, f"a story with a section `{min(signs)}`")
                break
        return found

    def read(self, document: Document) -> Plan:
        """Read the file; what its other sections say is kept as facts."""
        plan = AgentSprintReader().read(document)
        plan.source.kind = KIND
        stories = {story.line: story for story in plan.stories}
        targets = [Target(story.id, story.title, "story") for story in plan.stories]
        targets += [Target(epic.id, epic.title, "epic") for epic in plan.epics if not epic.implicit]
        dependencies = DependencyReader(Targets(targets))
        reading = Reading(Team([]))
        taken: set[int] = set()
        for section in document.outline.walk():
            story = stories.get(section.line) if section.level > 0 else None
            if story is not None:
                for below in section.walk():
                    if below is not section and _part(story, below, dependencies, reading):
                        taken.add(below.line)
        plan.facts = [fact for fact in plan.facts if fact.line not in taken]
        remarks = [each.model_copy(update={"file": document.file}) for each in reading.warnings]
        plan.warnings = in_order([*plan.warnings, *dependencies.warnings, *remarks])
        return plan


def _part(story: Story, section: Section, dependencies: DependencyReader, reading: Reading) -> bool:
    """Read one section of a story; whether a field of the normal form holds it."""
    match normal(section.title.text):
        case "tasks / subtasks" | "tasks/subtasks":
            story.tasks = bullet_items(bullets_under(section))
        case "story" | "user story":
            story.description = " ".join(text for text, _ in _lines(section)) or story.description
        case "acceptance criteria" if not bullets_under(section):
            story.acceptance_criteria = _criteria(section)
        case "prerequisites":
            _wait(story, section, dependencies)
        case "file list":
            read = read_files([bullet.text.text for bullet in bullets_under(section)])
            story.files = story.files or read.files
            story.files_line = story.files_line or section.line
        case "status":
            status = next((text for text, _ in _lines(section)), None)
            story.done = done_of(status, section.line, reading) if story.done is None else story.done
            return False
        case _:
            return False
    return True


def _criteria(section: Section) -> list[Item]:
    """Criteria written as lines such as `1: Text`; one without a number continues the one before."""
    found: list[Item] = []
    for text, line in _lines(section):
        match = _NUMBERED.match(text)
        if match is None and found:
            found[-1].text = f"{found[-1].text} {text}"
        else:
            found.append(Item(text=match["text"] if match else text, line=line))
    return found


def _wait(story: Story, section: Section, dependencies: DependencyReader) -> None:
    written = [*_lines(section), *((bullet.text.text, bullet.line) for bullet in bullets_under(section))]
    for text, line in written:
        if key(text) not in NOTHING:
            story.dependencies_as_written = ", ".join(filter(None, [story.dependencies_as_written, text]))
            story.dependencies.extend(dependencies.read(text.rstrip("."), line))


def _lines(section: Section) -> list[tuple[str, int]]:
    return [
        (text.text, text.line)
        for block in section.blocks
        if isinstance(block, Paragraph)
        for text in block.lines
        if text.text
    ]
