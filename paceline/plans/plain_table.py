"""The reader for tables of work, markdown's or HTML's, whose headers say what the columns are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paceline.domain.plan import Fact, Phase, Plan, Sprint
from paceline.plans.assignment_tables import AssignmentTablesReader
from paceline.plans.document import Document
from paceline.plans.draft import Draft, title_of_outline
from paceline.plans.evidence import Evidence
from paceline.plans.headings import epic_heading, phase_heading, sprint_heading
from paceline.plans.html_table import Tables, outline_of
from paceline.plans.inline import read_line
from paceline.plans.labels import Words
from paceline.plans.marks import without_pictures
from paceline.plans.outline import Paragraph, Row, Section, Table
from paceline.plans.table_columns import columns_of
from paceline.plans.table_rows import Place, RowReader

KIND = "table of work"

_CONTAINERS = Words("stories", "tasks")


class PlainTableReader:
    """Reads documents whose work stands in tables, one row for every story."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """Whether a table has a column of titles and another that only work has.

        One that names its sprints in a column may be an assignment of work too; it is this one's where it
        says more than who does what, and no heading is a sprint's.
        """
        found = Evidence()
        outline = outline_of(document)
        tables = Tables(document)
        work = [
            columns
            for section in outline.walk()
            for table in tables.under(section)
            if (columns := columns_of(table)) is not None
        ]
        if work:
            found.add(2.5, "a table with columns such as Story, Points or Assignee")
            if any(columns.says_more and "sprint" in columns.meanings for columns in work):
                sprints = any(sprint_heading(section) for section in outline.walk() if section.level > 0)
                assigned = 0.0 if sprints else AssignmentTablesReader().evidence(document).score
                found.add(max(0.0, assigned - 2), "columns such as Status or Dependencies beside the sprint")
        return found

    def read(self, document: Document) -> Plan:
        """Read the rows as stories; headings over the tables are sprints, epics or phases."""
        draft = Draft()
        outline = outline_of(document)
        _Walk(draft, Tables(document)).section(outline, Place())
        return draft.plan(document, KIND, title_of_outline(outline))


@dataclass(slots=True)
class _Walk:
    draft: Draft
    tables: Tables

    def section(self, section: Section, place: Place) -> None:
        """Read one section and those below it."""
        if section.level > 0:
            place = self._open(section, place)
        tables = self.tables.under(section)
        read: set[int] = set()
        for table in tables:
            columns = columns_of(table)
            if columns is not None:
                read.add(table.header.line)
                self._rows(RowReader(columns, table.header, self.draft), table, place)
        self._keep(section, read)
        for below in section.sections:
            self.section(below, place)

    def _open(self, section: Section, place: Place) -> Place:
        sprint = sprint_heading(section) if section.level > 1 else None
        phase = phase_heading(section)
        epic = epic_heading(section)
        if sprint is not None:
            if all(known.id != sprint.id for known in self.draft.sprints):
                name = sprint.title if sprint.title != sprint.id else None
                self.draft.sprints.append(
                    Sprint(id=sprint.id, name=name, number=sprint.number, line=section.line)
                )
            place = replace(place, sprint=sprint.id)
        if phase is not None:
            title = without_pictures(phase.title)
            self.draft.phases.append(
                Phase(id=phase.id, name=title if title != phase.id else None, line=section.line)
            )
            place = replace(place, phase=phase.id)
        if epic is not None:
            group = self.draft.epic(epic.id, without_pictures(epic.title), section.line)
            place = replace(place, epic=group)
        return place

    def _rows(self, reader: RowReader, table: Table, place: Place) -> None:
        for row in table.rows:
            text = _only_text(row)
            title = Section(level=2, title=read_line(text, row.line)) if text else None
            if title is not None and any((sprint_heading(title), epic_heading(title), phase_heading(title))):
                # A row that has nothing but a heading opens a group.
                place = self._open(title, place)
            else:
                reader.read(row, place)

    def _keep(self, section: Section, read: set[int]) -> None:
        """Keep the running text, the lists, and the tables that hold no work."""
        rest = Section(level=section.level, title=section.title, parent=section.parent)
        rest.blocks = [b for b in section.blocks if not (isinstance(b, Table) and b.header.line in read)]
        if section.level == 0:
            lines = [text for b in rest.blocks if isinstance(b, Paragraph) for text in b.lines if text.text]
            facts = [Fact(name=text.label, value=text.value, line=text.line) for text in lines]
            self.draft.reading.facts.extend(facts)
        else:
            self.draft.reading.keep_section(rest)


def _only_text(row: Row) -> str | None:
    """The text of a row in which only the first cell says anything."""
    first, *rest = row.cells
    return first if first and len(rest) > 1 and not any(rest) else None
