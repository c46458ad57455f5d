"""From a text to a plan: the interface of readers, and the choice of one by evidence."""

from __future__ import annotations

from typing import Protocol

from paceline.domain.collector import collector_paused
from paceline.domain.plan import Fact, Finding, Plan
from paceline.plans.agent_sprint import AgentSprintReader
from paceline.plans.assignment_tables import AssignmentTablesReader
from paceline.plans.backlog_md import BacklogMdReader
from paceline.plans.bmad import BmadReader
from paceline.plans.board import BoardReader
from paceline.plans.completion_report import ReportReader
from paceline.plans.day_checkboxes import DayCheckboxesReader
from paceline.plans.document import Document
from paceline.plans.evidence import CERTAIN, ENOUGH, Evidence
from paceline.plans.findings import Code, finding, in_order
from paceline.plans.front_matter import front_matter_of
from paceline.plans.kiro import KiroReader
from paceline.plans.normal_form import NormalFormReader
from paceline.plans.plain_table import PlainTableReader
from paceline.plans.spec_kit import SpecKitReader
from paceline.plans.sprint_bullets import SprintBulletsReader
from paceline.plans.task_list import TaskListReader
from paceline.plans.task_master import TaskMasterReader
from paceline.plans.unstructured import unreadable


class Reader(Protocol):
    """Reads one format of plans."""

    @property
    def name(self) -> str:
        """The format, as `source.kind` says it."""
        ...

    def evidence(self, document: Document) -> Evidence:
        """How surely the document is in this format, from what stands in it and never from its file name."""
        ...

    def read(self, document: Document) -> Plan:
        """Read it. What is wrong with the plan is a finding, not an exception."""
        ...


READERS: tuple[Reader, ...] = (
    TaskMasterReader(),
    NormalFormReader(),
    AgentSprintReader(),
    AssignmentTablesReader(),
    SprintBulletsReader(),
    DayCheckboxesReader(),
    ReportReader(),
    BmadReader(),
    BacklogMdReader(),
    SpecKitReader(),
    KiroReader(),
    PlainTableReader(),
    BoardReader(),
    TaskListReader(),
)
"""Every format there is; of equal evidence the first is taken."""


def read_plan(text: str, file: str | None = None) -> Plan:
    """Read a plan in whichever format it is written.

    Args:
        text: all of it.
        file: its name, for messages; it does not decide anything.

    Returns:
        The plan in the normal form, with the reader's remarks in `warnings`; `lint.check_plan` says what
        would stop a run.

    Raises:
        PlanUnreadable: it is no text, or no reader recognises it.
    """
    document = Document(text, file)
    with collector_paused():
        reader = choose_reader(document)
        plan = reader.read(document)
        if not isinstance(reader, (NormalFormReader, BacklogMdReader)):
            _keep_front_matter(plan, document)
        if not isinstance(reader, NormalFormReader) and document.repaired.lines:
            plan.warnings = in_order([*plan.warnings, _repair_remark(document)])
        return plan


def _keep_front_matter(plan: Plan, document: Document) -> None:
    """Keep what stands between two lines of hyphens at the start."""
    values, _ = front_matter_of(document.text)
    facts = [Fact(section="Front matter", name=name, value=value, line=line) for name, value, line in values]
    plan.facts = [*facts, *plan.facts]


def _repair_remark(document: Document) -> Finding:
    repaired = document.repaired
    count = len(repaired.lines)
    lines = "One line" if count == 1 else f"{count} lines"
    return finding(
        Code.TEXT_REPAIRED,
        f"{lines} had been read as {repaired.encoding} instead of UTF-8; they are read as they were meant.",
        "Save the document as UTF-8 with the repaired text.",
        repaired.lines[0],
        document.file,
    )


def choose_reader(document: Document) -> Reader:
    """The reader with the strongest evidence.

    Raises:
        PlanUnreadable: there is none with enough of it.
    """
    found: list[tuple[Evidence, Reader]] = []
    for reader in READERS:
        found.append((reader.evidence(document), reader))
        if found[-1][0].score >= CERTAIN:
            return reader
    evidence, reader = max(found, key=lambda pair: pair[0].score)
    if evidence.score >= ENOUGH:
        return reader
    raise unreadable(document, evidence)
