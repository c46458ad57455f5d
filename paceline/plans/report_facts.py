"""What a completion report says beside its work, kept as structured facts and compared with itself."""

from __future__ import annotations

import re

from paceline.domain.plan import Fact, Story
from paceline.plans.document import Document
from paceline.plans.fields import Field, flat, normal
from paceline.plans.findings import Code
from paceline.plans.labels import Words
from paceline.plans.marks import without_pictures
from paceline.plans.outline import BulletList, Paragraph, Section
from paceline.plans.reading import Reading
from paceline.plans.report_details import (
    FileIndex,
    all_bullets,
    endpoints_of,
    events_of,
    heading_count,
    iso_date,
    listed_files,
    models_of,
    result_of,
    sockets_of,
    stated_count,
    values_named,
)
from paceline.plans.wording import stems

_COMPLETE = re.compile(r"\b(?P<percent>\d{1,3}(?:\.\d+)?)\s*% (?:complete|done|finished)", re.IGNORECASE)
_NEXT = re.compile(r"^(?:next steps?|follow[- ]?up|what'?s next)\s*:\s*(?P<text>.+)$", re.IGNORECASE)
_NEXT_TITLES = Words("next_steps")
_DATES = Words("completion_date")
_NEWLINE = re.compile(r"\r\n?|\n")


class ReportFacts:
    """Keeps the facts of one report.

    Args:
        reading: takes facts and remarks.
        document: for what is written where the text was repaired.
    """

    def __init__(self, reading: Reading, document: Document) -> None:
        self._reading = reading
        self._document = document
        self._stated: list[tuple[str, int, str, int]] = []
        self.project: str | None = None

    def index(self, root: Section) -> FileIndex:
        """The lists of files, wherever they stand; what their headings count is checked."""
        index = FileIndex()
        for section in root.walk():
            words = set(re.findall(r"[a-z]+", section.title.text.lower()))
            if not words & {"files", "file"}:
                continue
            files = listed_files(section)
            index.files.extend(files)
            stated = heading_count(section)
            if stated is not None and files and stated != len(files):
                name = without_pictures(section.title.text)
                self._differs(f"`{name}` states {stated}, and {len(files)} are listed", section.line)
        if index.files:
            value = [{"path": f.path, "new": f.new, "note": f.note, "line": f.line} for f in index.files]
            self._keep("files", value, index.files[0].line)
        return index

    def metadata(self, entry: Field) -> None:
        """Keep a label of the report's head: as written, and as understood where that differs."""
        label = normal(entry.label)
        value: object = entry.value or None
        if entry.line in self._document.repaired.lines:
            value = {"as_written": self._as_written(entry), "text": entry.value}
        elif "date" in label or label in _DATES:
            date = iso_date(entry.value)
            value = {"as_written": entry.value, "iso": date}
            if date is None and any(character.isdigit() for character in entry.value):
                self._reading.warn(
                    Code.DATE_NOT_UNDERSTOOD,
                    f"`{entry.label}: {entry.value}` is no date in a known form, so only the text is kept.",
                    "Write it as `2025-09-12`.",
                    entry.line,
                )
        self._keep(entry.label, value, entry.line, "Report")

    def section(self, section: Section) -> None:
        """Keep a section that tells of no work of its own."""
        known = len(self._reading.facts)
        self._reading.keep_section(section)
        for fact in self._reading.facts[known:]:
            fact.section = without_pictures(fact.section or "") or None
            fact.name = without_pictures(fact.name or "") or None
        name = without_pictures(section.title.text)
        words = set(re.findall(r"[a-z]+", name.lower()))
        if words & {"event", "events"}:
            events = events_of(section)
            if events:
                self._keep("events", events, events[0]["line"], name)
        models = models_of(all_bullets(section))
        if models:
            self._keep("models", models, section.line, name)
        result = result_of(section)
        if result:
            self._keep("test_result", result[0], result[1], name)
        for block in section.blocks:
            if isinstance(block, Paragraph):
                self._paragraph(block)
        if name in _NEXT_TITLES:
            for bullet in all_bullets(section):
                self._next_step(bullet.text.text, bullet.line)

    def finish(self, root: Section, stories: list[Story]) -> None:
        """Keep what needs the stories, and compare the stated counts with them."""
        endpoints = [endpoint for story in stories for endpoint in endpoints_of(story)]
        if endpoints:
            self._keep("endpoints", endpoints, endpoints[0]["line"])
            self._remark_methods(endpoints)
        bullets = [
            bullet
            for section in root.walk()
            for block in section.blocks
            if isinstance(block, BulletList)
            for bullet in flat(block.bullets)
        ]
        sockets = sockets_of(bullets)
        if sockets:
            self._keep("websocket endpoints", sockets, sockets[0]["line"])
        for name, value, line in values_named(bullets):
            self._keep(name, value, line)
        self._check_counts([str(endpoint["group"]) for endpoint in endpoints])

    def _paragraph(self, block: Paragraph) -> None:
        for text in block.lines:
            complete = _COMPLETE.search(text.text)
            if complete:
                value = {"text": without_pictures(text.text), "percent": float(complete["percent"])}
                self._keep("completion", value, text.line)
            count = stated_count(text.label or "", text.value)
            if count and text.label:
                self._stated.append((text.label, count[0], count[1], text.line))
        joined = " ".join(text.text for text in block.lines).strip("*_ ")
        match = _NEXT.match(joined)
        if match:
            self._next_step(match["text"], block.lines[0].line)

    def _next_step(self, text: str, line: int) -> None:
        self._keep("next_steps", text, line)
        self._reading.warn(
            Code.FOLLOW_UP_WORK,
            f"The report names work that follows, `{_shortened(text)}`; it is kept and not scheduled.",
            "Write a plan with a story for it.",
            line,
        )

    def _check_counts(self, groups: list[str]) -> None:
        """Compare `Group: 4 endpoints` with the entries of the story whose title has the most words of it."""
        totals = [each for each in self._stated if "total" in each[0].lower()]
        parts = [each for each in self._stated if each not in totals]
        for label, stated, what, line in totals:
            of_parts = sum(count for _, count, noun, _ in parts if noun == what)
            if of_parts and of_parts != stated:
                self._differs(f"`{label}` states {stated}, and its parts add up to {of_parts}", line)
            elif what == "endpoint" and groups and len(groups) != stated:
                self._differs(f"`{label}` states {stated}, and {len(groups)} are listed", line)
        if not groups:
            return
        for label, stated, what, line in parts:
            group = max(dict.fromkeys(groups), key=lambda title: len(stems(title) & stems(label)))
            listed = groups.count(group)
            if what == "endpoint" and stems(group) & stems(label) and listed != stated:
                self._differs(f"`{label}` states {stated}, and `{group}` lists {listed}", line)

    def _remark_methods(self, endpoints: list[dict[str, object]]) -> None:
        without = [endpoint for endpoint in endpoints if endpoint["method"] is None]
        if without:
            line = without[0]["line"]
            self._reading.warn(
                Code.METHOD_NOT_WRITTEN,
                f"{len(without)} endpoints have no HTTP method, `{without[0]['path']}` the first; "
                "none is recorded as written.",
                "Write the method before the path, such as `GET /api/v1/items`.",
                line if isinstance(line, int) else 1,
            )

    def _differs(self, what: str, line: int) -> None:
        self._reading.warn(Code.COUNT_DIFFERS, f"{what}.", "Change the number that is wrong.", line)

    def _as_written(self, entry: Field) -> str:
        """The value as it stands in the text before the repair."""
        line = _NEWLINE.split(self._document.raw)[entry.line - 1]
        return line.partition(entry.label)[2].lstrip("*: ").strip()

    def _keep(self, name: str, value: object, line: int, section: str | None = None) -> None:
        self._reading.facts.append(Fact(section=section, name=name, value=value, line=line))


def _shortened(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}\u2026"
