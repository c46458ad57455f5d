"""Risks with mitigations in a list of their own, checklists in groups, and meetings with their times."""

from __future__ import annotations

import re
from typing import Any

from paceline.domain.plan import Contingency, Fact, Item, Risk
from paceline.plans.fields import bullet_items, normal, without_numbering
from paceline.plans.findings import Code
from paceline.plans.folding import at_colon
from paceline.plans.labels import concept_of
from paceline.plans.outcomes import is_contingency_section, read_contingency, read_risks
from paceline.plans.outline import Bullet, Section, bullets_under
from paceline.plans.reading import Reading

_LEVEL = re.compile(r"(?<!\w)(?:high|medium|moderate|low|critical|severe|major|minor)(?!\w)", re.IGNORECASE)
_MINUTES = {"minute": 1.0, "min": 1.0, "hour": 60.0, "hr": 60.0, "h": 60.0, "day": 480.0}
_TIME = re.compile(
    r"^(?P<number>\d{1,9}(?:\.\d+)?)[\s-]*(?P<unit>minute|min|hour|hr|h|day)s?\b\s*"
    r"(?:(?:at|on)\s+(?:the\s+)?(?P<at>\S.*)|(?P<often>(?:every|each|daily|weekly|biweekly|monthly)\b.*))?",
    re.IGNORECASE,
)


def read_groups(section: Section) -> list[Item]:
    """All entries of a checklist; those under a sub-heading belong to a group of its name."""
    items: list[Item] = []
    for part in section.walk():
        found = bullet_items(bullets_under(part))
        for item in found:
            item.group = None if part is section else without_numbering(part.title.text)
        items.extend(found)
    return items


def read_paired_risks(
    section: Section, risks: list[Risk], contingency: list[Contingency], reading: Reading
) -> None:
    """Read a risk section; a list of mitigations of its own is paired with the risks by place.

    Args:
        section: with its sub-headings, which are levels, kinds of risks, mitigations or contingency plans.
        risks: takes the risks.
        contingency: takes the contingency plans.
        reading: takes remarks and what is not understood.
    """
    found: list[Risk] = []
    mitigations: list[Bullet] = []
    for part in section.walk():
        if is_contingency_section(part):
            read_contingency(part, contingency)
        elif part is not section and concept_of(part.title.text) == "mitigations":
            mitigations.extend(bullets_under(part))
        else:
            found.extend(_risks_of(part, part is section, contingency, reading))
    if mitigations:
        _pair(section, found, mitigations, reading)
    risks.extend(found)


def keep_meetings(section: Section, reading: Reading) -> None:
    """Keep meetings as one fact: each with its text, and with minutes and time where the text says them."""
    above = next(section.above(), None)
    outer = above.title.text if above is not None and above.level > 1 else section.title.text
    items = [_meeting(bullet) for bullet in bullets_under(section)]
    reading.facts.append(
        Fact(section=outer, name=section.title.text, value={"items": items}, line=section.line)
    )


def _risks_of(part: Section, outermost: bool, contingency: list[Contingency], reading: Reading) -> list[Risk]:
    found: list[Risk] = []
    alone = Section(part.level, part.title, part.blocks)
    read_risks(alone, found, contingency, reading)
    if not outermost:
        heading = without_numbering(part.title.text)
        for risk in found:
            if _LEVEL.search(heading):
                risk.level = heading
            else:
                risk.category = heading
    return found


def _pair(section: Section, risks: list[Risk], mitigations: list[Bullet], reading: Reading) -> None:
    line = mitigations[0].line
    open_risks = [risk for risk in risks if risk.mitigation is None]
    if len(open_risks) != len(mitigations):
        reading.warn(
            Code.MITIGATIONS_NOT_PAIRED,
            f"There are {len(mitigations)} mitigations for {len(open_risks)} risks, so none is paired.",
            "Write each mitigation below its risk, such as `- **Mitigation**: text`.",
            line,
        )
        value = {"items": [{"text": bullet.text.text, "line": bullet.line} for bullet in mitigations]}
        fact = Fact(section=section.title.text, name="Mitigations", value=value, line=line)
        reading.facts.append(fact)
        return
    for risk, bullet in zip(open_risks, mitigations, strict=True):
        risk.mitigation, risk.mitigation_line = bullet.text.text, bullet.line
        risk.mitigation_inferred = True
    reading.warn(
        Code.MITIGATIONS_PAIRED,
        f"The mitigations stand in a list of their own; the first of {len(mitigations)} is taken for "
        f"`{open_risks[0].name}`, and so on.",
        "Write each mitigation below its risk, such as `- **Mitigation**: text`.",
        line,
    )


def _meeting(bullet: Bullet) -> dict[str, Any]:
    name = bullet.text.label or at_colon(bullet.text.text)[0].strip()
    text = bullet.text.value if bullet.text.label else at_colon(bullet.text.text)[2].strip()
    found: dict[str, Any] = {"name": name, "text": text, "line": bullet.line}
    match = _TIME.match(text)
    if match:
        minutes = float(match["number"]) * _MINUTES[normal(match["unit"])]
        found["minutes"] = int(minutes) if minutes.is_integer() else minutes
        when = match["at"] or match["often"]
        if when:
            found["when"] = when.strip()
    return found
