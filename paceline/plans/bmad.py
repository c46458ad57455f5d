"""The reader for BMAD's epic and story files: sections such as `Tasks / Subtasks` and `Dev Notes`."""

from __future__ import annotations

import re

from paceline.domain.plan import Fact, Plan, Story
from paceline.plans.agent_sprint import AgentSprintReader
from paceline.plans.agents import Team
from paceline.plans.bmad_criteria import CRITERIA, has_sentence, is_scenario, read_story_text
from paceline.plans.document import Document
from paceline.plans.evidence import Evidence
from paceline.plans.fields import bullet_items, flat, normal
from paceline.plans.findings import in_order
from paceline.plans.headings import Heading, story_heading
from paceline.plans.left_out import left_out
from paceline.plans.left_out_stories import without_left_out
from paceline.plans.outline import Paragraph, Section, bullets_under
from paceline.plans.reading import Reading
from paceline.plans.resolve import NOTHING, DependencyReader
from paceline.plans.statuses import done_of
from paceline.plans.targets import Target, Targets
from paceline.plans.task_entries import paths_in

KIND = "BMAD story"

_SIGNS = frozenset(
    {
        *(
            "tasks / subtasks",
            "tasks/subtasks",
            "dev notes",
            "dev agent record",
            "qa results",
            "prerequisites",
        ),
        *("dev technical guidance", "technical notes"),
    }
)
_WAITS = frozenset({"prerequisites", "prerequisite"})
_NONE = re.compile(r"^none\b", re.IGNORECASE)
_NAMES_WORK = re.compile(
    r"\b(?:stor(?:y|ies)|epics?|tasks?)\b|^\W*\d+(?:\.\d+)+\W*$|\b[A-Z][A-Z0-9]*-\d", re.IGNORECASE
)


class BmadReader:
    """Reads what the agent sprint reader reads, and the sections that BMAD gives to stories."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """One more than that of an agent sprint plan where a story has a section of BMAD's, or scenarios."""
        found = Evidence()
        for section in document.outline.walk():
            heading = story_heading(section, in_epic=False) if section.level > 0 else None
            if heading is None:
                continue
            if _is_own(section, heading) or any(is_scenario(part) for part in section.walk()):
                plain = AgentSprintReader().evidence(document)
                found.add(plain.score + 1, "a story with a section, sentence or scenario of BMAD's")
                break
        return found

    def read(self, document: Document) -> Plan:
        """Read the file; what its other sections say is kept as facts.

        Scenarios are read wherever they stand, but people write them in plans of any kind: they alone do not
        make a plan one of BMAD's.
        """
        plan = AgentSprintReader().read(document)
        headings = [section for section in document.outline.walk() if section.level > 0]
        own = any((head := story_heading(s, in_epic=False)) and _is_own(s, head) for s in headings)
        plan.source.kind = KIND if own else plan.source.kind
        stories = {story.line: story for story in plan.stories}
        targets = [Target(story.id, story.title, "story") for story in plan.stories]
        targets += [Target(epic.id, epic.title, "epic") for epic in plan.epics if not epic.implicit]
        dependencies = DependencyReader(Targets(targets))
        reading = Reading(Team([]))
        taken: set[int] = set()
        for section in document.outline.walk():
            story = stories.get(section.line) if section.level > 0 else None
            if story is None:
                continue
            taken |= _text(story, section)
            for below in section.walk():
                if below is not section and _part(story, below, dependencies, reading):
                    taken.add(below.line)
        _prerequisites(plan, dependencies, taken)
        if own:
            _without_libraries(plan, reading)
        plan.facts = [fact for fact in [*plan.facts, *reading.facts] if fact.line not in taken]
        remarks = [each.model_copy(update={"file": document.file}) for each in reading.warnings]
        plan.warnings = in_order([*plan.warnings, *dependencies.warnings, *remarks])
        return without_left_out(plan)


def _is_own(section: Section, heading: Heading) -> bool:
    """Whether a story has a section that only BMAD's have, or their sentence."""
    signs = {normal(below.title.text) for below in section.sections} & _SIGNS
    return bool(signs) or (heading.id.startswith("Story ") and has_sentence(section))


def _text(story: Story, section: Section) -> set[int]:
    """Read a story's sentence and its criteria; returns the lines that they stand in."""
    found = read_story_text(section)
    if found.criteria:
        story.acceptance_criteria = found.criteria
        story.description = " ".join(found.description) or story.description
    return found.lines


def _prerequisites(plan: Plan, dependencies: DependencyReader, taken: set[int]) -> None:
    """Read `**Prerequisites:** Story 1.1`, which is kept as a fact until then."""
    stories = {story.id: story for story in plan.stories}
    for fact in plan.facts:
        story = stories.get(fact.section or "")
        if story is not None and normal(fact.name or "") in _WAITS and isinstance(fact.value, str):
            taken.add(fact.line or 0)
            _wait_for(story, fact.value, fact.line or 1, dependencies)


def _without_libraries(plan: Plan, reading: Reading) -> None:
    """Dependencies that name no work, such as a library, are facts: nobody could wait for them."""
    for story in plan.stories:
        for each in story.dependencies:
            if not each.resolved and not _NAMES_WORK.search(each.as_written):
                reading.facts.append(
                    Fact(section=story.id, name="dependencies", value=each.as_written, line=each.line)
                )
        story.dependencies = [d for d in story.dependencies if d.resolved or _NAMES_WORK.search(d.as_written)]


def _part(story: Story, section: Section, dependencies: DependencyReader, reading: Reading) -> bool:
    """Read one section of a story; whether a field of the normal form holds it."""
    name = normal(section.title.text)
    match name:
        case "tasks / subtasks" | "tasks/subtasks":
            story.tasks = bullet_items(bullets_under(section))
        case "story" | "user story":
            story.description = " ".join(text for text, _ in _lines(section)) or story.description
        case _ if section.title.text in CRITERIA:
            return True
        case "prerequisites":
            for text, line in _written(section):
                _wait_for(story, text, line, dependencies)
        case "file list" | "files to create" | "files to modify" | "files to create/modify":
            _files(story, section, new=name == "files to create")
        case "status":
            status = next((text for text, _ in _lines(section)), None)
            if left_out(status) is None and story.done is None:
                story.done = done_of(status, section.line, reading)
            reading.facts.append(Fact(section=story.id, name="status", value=status, line=section.line))
            return False
        case _:
            return False
    return True


def _files(story: Story, section: Section, *, new: bool) -> None:
    known = {file.path for file in story.files}
    for bullet in flat(bullets_under(section)):
        for file in paths_in(bullet.text.text)[:1]:
            if file.path not in known:
                known.add(file.path)
                story.files.append(file.model_copy(update={"new": new}))
    story.files_line = story.files_line or (section.line if story.files else None)


def _wait_for(story: Story, text: str, line: int, dependencies: DependencyReader) -> None:
    if text not in NOTHING and not _NONE.match(text):
        story.dependencies_as_written = ", ".join(filter(None, [story.dependencies_as_written, text]))
        story.dependencies.extend(dependencies.read(text.rstrip("."), line))


def _written(section: Section) -> list[tuple[str, int]]:
    return [*_lines(section), *((bullet.text.text, bullet.line) for bullet in bullets_under(section))]


def _lines(section: Section) -> list[tuple[str, int]]:
    return [
        (text.text, text.line)
        for block in section.blocks
        if isinstance(block, Paragraph)
        for text in block.lines
        if text.text
    ]
