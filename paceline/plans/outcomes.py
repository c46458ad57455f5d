"""Metrics, risks, contingency plans and checklists of an agent sprint plan."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from paceline.domain.plan import Contingency, Item, Metric, Risk, Story
from paceline.plans.fields import bullet_items, without_numbering
from paceline.plans.findings import Code
from paceline.plans.folding import at_colon
from paceline.plans.headings import heading_words
from paceline.plans.labels import Words, concept_of, same_names
from paceline.plans.outline import Block, Bullet, Section, Table, bullets_under
from paceline.plans.reading import Reading
from paceline.plans.units import MULTIPLES, unit_of
from paceline.plans.wording import stem, stems

_NUMBER = re.compile(
    r"(?P<op>>=|<=|\u2265|\u2264|>|<|=|at least|at most|up to|no more than|more than|less than|fewer than"
    r"|over|under|above|below)?\s*(?<![\w.,])(?P<number>\d{1,3}(?:,\d{3}){1,9}(?:\.\d+)?|\d{1,30}(?!\d)(?:\.\d+)?)"
    r"(?P<attached>%|[A-Za-z\u00b5]+)?(?P<rest>.*)$",
    re.IGNORECASE,
)
_OPS = {
    "\u2265": ">=", "\u2264": "<=", "at least": ">=", "at most": "<=", "up to": "<=", "no more than": "<=",
    "more than": ">", "over": ">", "above": ">", "less than": "<", "fewer than": "<", "under": "<",
    "below": "<",
}  # fmt: skip


_METRIC, _TARGET = Words("metrics", "column.metric"), Words("column.target")
RISK_LABELS = same_names("mitigations", "probability", "impact")


def read_metric(name: str, target: str, category: str | None, line: int) -> Metric:
    """A metric with its number, where the target has one.

    Args:
        name: what is measured.
        target: as written, such as `< 80ms reply latency` or `Support 100 connections`.
        category: from the heading.
        line: 1-based source line.

    Returns:
        The operator, the number and its unit; a number without an operator is a capacity, so at least that,
        but nothing is more than 100 %.
    """
    metric = Metric(name=name, target=target, category=category, line=line)
    target = " ".join(target.split())
    match = _NUMBER.search(target)
    if match is None:
        return metric
    attached, value = match["attached"], float(match["number"].replace(",", ""))
    # `10k` and `5M` are numbers; `5m` is a time.
    if attached in {"k", "K", "M"}:
        attached, value = None, value * MULTIPLES[attached.lower()]
    op = (match["op"] or ">=").lower()
    metric.op, metric.value = _OPS.get(op, op), value
    metric.unit = unit_of(name, target[: match.start()], attached, match["rest"])
    if match["op"] is None and (value, metric.unit) == (100, "percent"):
        metric.op = "="
    return metric


def read_metrics(section: Section, metrics: list[Metric], reading: Reading) -> None:
    """Read a metrics section with its sub-headings, which are the categories."""
    for part in section.walk():
        category = None if part is section else without_numbering(part.title.text)
        if category is not None:
            category = category.lower().removesuffix("metrics").strip() or None
        for bullet in bullets_under(part):
            label = bullet.text.label
            name, colon, target = (
                at_colon(bullet.text.text) if label is None else (label, ":", bullet.text.value)
            )
            if not colon:
                name = target = bullet.text.text
            metrics.append(read_metric(name.strip(), target.strip(), category, bullet.line))
        rest = Section(part.level, part.title, [], parent=part.parent)
        rest.blocks = [block for block in part.blocks if not _metric_rows(block, category, metrics)]
        reading.keep_others(part.title.text, rest)


def _metric_rows(block: Block, category: str | None, metrics: list[Metric]) -> bool:
    """Read a table of metrics with their targets; one with more columns is kept whole, beside its metrics."""
    headers = block.header.cells if isinstance(block, Table) else []
    name = next((place for place, header in enumerate(headers) if header in _METRIC), None)
    target = next((place for place, header in enumerate(headers) if header in _TARGET), None)
    if not isinstance(block, Table) or name is None or target is None:
        return False
    for row in block.rows:
        if len(row.cells) > max(name, target) and row.cells[name] and row.cells[target]:
            metrics.append(read_metric(row.cells[name], row.cells[target], category, row.line))
    return len(headers) == len({name, target})


def remark_uncovered(metrics: Iterable[Metric], stories: Sequence[Story], reading: Reading) -> None:
    """Say which metrics without a number use words that no story uses."""
    covered: set[str] = set()
    for story in stories:
        items = [*story.tasks, *story.acceptance_criteria]
        for text in [story.title, story.description or "", *(item.text for item in items)]:
            covered |= stems(text)
    for metric in metrics:
        if metric.value is not None or not stories:
            continue
        words = re.findall(r"[A-Za-z0-9]+", metric.target)
        missing = [word for word in words if stems(word) and stem(word.lower()) not in covered]
        if missing:
            reading.warn(
                Code.METRIC_UNCOVERED,
                f"The metric `{metric.name}` asks for `{', '.join(missing)}`, which no story mentions.",
                "Write a story or a criterion for it, or change the metric.",
                metric.line or 0,
            )


def read_risks(section: Section, risks: list[Risk], contingency: list[Contingency], reading: Reading) -> None:
    """Read a risk section with its sub-headings: levels of risks, and contingency plans."""
    for part in section.walk():
        if is_contingency_section(part):
            read_contingency(part, contingency)
        else:
            level = None if part is section else without_numbering(part.title.text)
            risks.extend(_risk(bullet, level) for bullet in bullets_under(part))
            for block in part.blocks:
                if isinstance(block, Table):
                    risks.extend(_risks_of_table(block, level))


def is_contingency_section(section: Section) -> bool:
    """Whether a heading announces contingency plans."""
    english = heading_words(section) & {"contingency", "contingencies"}
    return bool(english) or concept_of(section.title.text) == "contingency"


def read_contingency(section: Section, contingency: list[Contingency]) -> None:
    """Read bullets such as "**Rollback**: what to do"."""
    for bullet in bullets_under(section):
        name = bullet.text.label or bullet.text.text
        text = bullet.text.value if bullet.text.label else None
        contingency.append(Contingency(name=name, text=text or None, line=bullet.line))


def read_checklist(section: Section) -> list[Item]:
    """All entries of a checklist, with those under its sub-headings."""
    return [found for part in section.walk() for found in bullet_items(bullets_under(part))]


def _risk(bullet: Bullet, level: str | None) -> Risk:
    label = bullet.text.label
    risk = Risk(
        name=label or bullet.text.text,
        text=(bullet.text.value or None) if label else None,
        level=level,
        line=bullet.line,
    )
    for child in bullet.children:
        _set_risk(risk, child.text.label or "", child.text.value)
    return risk


def _risks_of_table(table: Table, level: str | None) -> list[Risk]:
    risks: list[Risk] = []
    for row in table.rows:
        cells = list(zip(table.header.cells, row.cells, strict=False))
        risk = Risk(name=cells[0][1] if cells else "", level=level, line=row.line)
        for column, cell in cells[1:]:
            _set_risk(risk, column, cell)
        risks.append(risk)
    return risks


def _set_risk(risk: Risk, label: str, value: str) -> None:
    match RISK_LABELS.get(label):
        case "mitigations":
            risk.mitigation = value or None
        case "probability":
            risk.probability = value or None
        case "impact":
            risk.impact = value or None
        case _:
            extra = f"{label}: {value}" if label else value
            risk.text = f"{risk.text}; {extra}" if risk.text else extra
