"""The reader for completion reports: what a sprint did, imported as a completed sprint."""

from __future__ import annotations

from paceline.domain.completion_summary import MARK
from paceline.domain.plan import Epic, Plan, Sprint, Story
from paceline.plans.agents import Team
from paceline.plans.document import Document
from paceline.plans.evidence import CERTAIN, Evidence
from paceline.plans.fields import Field, contents_of, normal
from paceline.plans.findings import Code, in_order
from paceline.plans.folding import at_colon
from paceline.plans.headings import epic_heading, story_heading, words_in_english
from paceline.plans.labels import Words, same_names
from paceline.plans.marks import without_pictures
from paceline.plans.outline import BulletList, Paragraph, Section
from paceline.plans.reading import Reading
from paceline.plans.report_facts import ReportFacts
from paceline.plans.report_work import WORK_LABELS, ReportWork, says_finished
from paceline.plans.statuses import is_done
from paceline.plans.time_boxes import sprint_in_title

KIND = "completion report"

_REPORT_WORDS = frozenset({"completion", "completed", "report", "retrospective", "recap", "wrapup", "review"})
_SUMMARY_WORDS = frozenset({"summary", "complete", "finished", "done", "results"})
_FINISHED = frozenset({"completed", "complete", "done", "finished", "delivered", "shipped", "closed"})
_METADATA = Words("status", "completion_date", "goal", "duration", "project")
_METADATA_NAMES = same_names("goal", "duration", "project")
_STATUS = Words("status")


class ReportReader:
    """Reads documents that tell what a sprint did."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """How much the document says of finished work; a plan whose stories have headings is none."""
        found = Evidence()
        if document.text.startswith(MARK):
            found.add(CERTAIN, "a completion summary that Paceline wrote")
            return found
        sections = [section for section in document.outline.walk() if section.level > 0]
        if not sections or any(story_heading(section, in_epic=False) for section in sections):
            return found
        words = _words(sections[0])
        if words & _REPORT_WORDS or len(words & _SUMMARY_WORDS) > 1:
            found.add(1.5, "a title that speaks of a report")
        if any(entry.label in _STATUS and _is_finished(entry.value) for entry in _metadata(sections[0])):
            found.add(1, "a status that says it is finished")
        if any(_has_work(section) for section in sections):
            found.add(2, "lists of completed work")
        if any(section.title.done and epic_heading(section) for section in sections):
            found.add(1, "epics with done marks")
        if any({"files"} <= _words(s) and _words(s) & {"created", "modified", "changed"} for s in sections):
            found.add(1, "lists of created and modified files")
        if any("met" in _words(section) or "results" in _words(section) for section in sections):
            found.add(0.5, "results")
        return found

    def read(self, document: Document) -> Plan:
        """Read the report: all its work is done unless a mark says otherwise."""
        root = document.outline
        reading = Reading(Team([]))
        top = next((section for section in root.sections), root)
        sprint = _sprint(top)
        facts = ReportFacts(reading, document)
        work = ReportWork(reading, sprint, facts.index(root))
        _read_metadata(top, sprint, facts, work)
        _visit(root, None, work, facts)
        work.settle()
        facts.finish(root, work.stories)
        _remark_import(reading, work.stories, top)
        warnings = in_order(reading.warnings)
        return Plan(
            title=without_pictures(top.title.text) or document.file or "Untitled report",
            project=facts.project,
            source=document.source(KIND),
            goal=sprint.goal,
            sprints=[sprint],
            epics=work.epics,
            stories=work.stories,
            facts=sorted(reading.facts, key=lambda fact: fact.line or 0),
            warnings=[warning.model_copy(update={"file": document.file}) for warning in warnings],
        )


def _visit(section: Section, epic: Epic | None, work: ReportWork, facts: ReportFacts) -> None:
    """Read one section and those below it."""
    for below in section.sections:
        taken = work.section(below, epic)
        if taken is None and below.level > 1:
            facts.section(below)
        _visit(below, taken or epic, work, facts)


def _sprint(top: Section) -> Sprint:
    """The sprint that the title names, with what stands after its colon as the name."""
    title = without_pictures(top.title.text)
    named = sprint_in_title(title)
    if named is None:
        return Sprint(id="Sprint", implicit=True)
    _, colon, name = at_colon(title)
    identity, number = named
    return Sprint(id=identity, number=number, name=name.strip() or None if colon else None, line=top.line)


def _metadata(top: Section) -> list[Field]:
    return contents_of(top, _METADATA).fields


def _read_metadata(top: Section, sprint: Sprint, facts: ReportFacts, work: ReportWork) -> None:
    for entry in _metadata(top):
        if entry.label in WORK_LABELS and entry.bullets:
            work.entries(entry.bullets, None, finished=says_finished(entry.label))
            continue
        match _METADATA_NAMES.get(entry.label):
            case "goal" if normal(entry.label) != "focus":
                sprint.goal = entry.value or None
            case "duration":
                sprint.duration_text = entry.value or None
            case "project":
                facts.project = entry.value or None
            case _:
                facts.metadata(entry)


def _remark_import(reading: Reading, stories: list[Story], top: Section) -> None:
    left = sum(not story.done for story in stories)
    rest = f"{left} are not marked as done and can be run" if left else "nothing is left to run"
    reading.warn(
        Code.REPORT_IMPORTED,
        f"The document is a report of finished work: of {len(stories)} entries {rest}.",
        "Write an open box, `- [ ]`, before what is still to do.",
        top.line or 1,
    )


def _has_work(section: Section) -> bool:
    title = normal(without_pictures(section.title.text))
    if title in WORK_LABELS:
        # `Tasks` and `In progress` head plans as well.
        return says_finished(title) is True and any(isinstance(block, BulletList) for block in section.blocks)
    labels = (
        text.label
        for block in section.blocks
        if isinstance(block, Paragraph)
        for text in block.lines
        if text.label
    )
    return any(label in WORK_LABELS and says_finished(label) for label in labels)


def _is_finished(value: str) -> bool:
    return bool(words_in_english(value) & _FINISHED) or is_done(value) is True


def _words(section: Section) -> set[str]:
    return words_in_english(section.title.text)
