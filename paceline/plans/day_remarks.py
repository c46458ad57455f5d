"""Metadata and numbers of a sprint that is planned day by day, and what is to be said about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paceline.domain.plan import Agent, Fact, Item, Metric, Phase, Sprint, Story
from paceline.plans.fields import Field, normal, without_numbering
from paceline.plans.findings import Code
from paceline.plans.folding import at_colon
from paceline.plans.headings import heading_words
from paceline.plans.labels import Words, concept_of
from paceline.plans.outcomes import read_metric, read_metrics
from paceline.plans.outline import Section, bullets_under
from paceline.plans.plan_heads import PlanHead
from paceline.plans.reading import Reading
from paceline.plans.wording import stems

_UNDECIDED = Words("value.undecided")


class Metadata:
    """Labels of the whole plan, at its head and at its end; the first value of a label holds."""

    def __init__(self, reading: Reading, head: PlanHead, sprint: Sprint) -> None:
        self._reading = reading
        self._head = head
        self._sprint = sprint
        self._values: dict[str, Field] = {}
        self._lead: Agent | None = None

    def read(self, section: str, fields: list[Field]) -> None:
        """Read labels; what is written again is compared and noted."""
        repeated = [entry for entry in fields if normal(entry.label) in self._values]
        for entry in fields:
            first = self._values.setdefault(normal(entry.label), entry)
            if first is entry:
                self._new(section, entry)
            elif first.value != entry.value:
                self._reading.warn(
                    Code.METADATA_DIFFERS,
                    f"`{entry.label}` is `{first.value}` in line {first.line}, and `{entry.value}` here: "
                    "the first one holds.",
                    "Delete the one that is wrong.",
                    entry.line,
                )
        if repeated:
            names = [entry.label for entry in repeated]
            self._reading.facts.append(
                Fact(section=section, name="Repeated labels", value=names, line=repeated[0].line)
            )

    def with_lead(self, agents: list[Agent]) -> list[Agent]:
        """The agents with the lead among them."""
        lead = self._lead
        if lead is None:
            return agents
        for agent in agents:
            if agent.id.lower() == lead.id.lower():
                agent.role, agent.coordinator = agent.role or lead.role, True
                return agents
        return [lead, *agents]

    def _new(self, section: str, entry: Field) -> None:
        concept = concept_of(entry.label)
        if concept == "lead" and entry.value:
            self._lead = Agent(id=entry.value, role=entry.label, coordinator=True, line=entry.line)
        elif concept == "duration":
            self._sprint.duration_text = self._sprint.duration_text or entry.value or None
        elif concept in {"goal", "objective"}:
            self._sprint.goal = self._sprint.goal or entry.value or None
        else:
            self._head.field(section, entry)


def read_numbers(
    part: Section, whole: Section, sprint: Sprint, metrics: list[Metric], reading: Reading
) -> None:
    """Read one part of a section of metrics: targets, or the sprint's velocity.

    Args:
        part: with bullets such as `Bug count: Target <5` or `Story points planned: 40`.
        whole: the section it stands in.
        sprint: takes the points that are planned.
        metrics: takes the targets, with the heading as it is written as their category.
        reading: takes the velocity as a fact.
    """
    heading = without_numbering(part.title.text)
    if "velocity" not in heading_words(part):
        found: list[Metric] = []
        read_metrics(Section(part.level, part.title, part.blocks), found, reading)
        for metric in found:
            metric.category = heading if part is not whole else None
        metrics.extend(found)
        return
    items: list[dict[str, Any]] = []
    for bullet in bullets_under(part):
        name, _, text = at_colon(bullet.text.text)
        value = read_metric(name, text, None, bullet.line).value
        items.append({"name": name.strip(), "text": text.strip(), "value": value, "line": bullet.line})
        if "planned" in normal(name).split() and value is not None:
            sprint.points_stated = value
        if text.strip(" []") in _UNDECIDED:
            reading.warn(
                Code.VALUE_UNDECIDED,
                f"`{name.strip()}` is `{text.strip()}`, so it has no value.",
                "Write the value once it is known.",
                bullet.line,
            )
    fact = Fact(section=whole.title.text, name=heading, value={"items": items}, line=part.line)
    reading.facts.append(fact)


def remark_days(phases: Sequence[Phase], stories: Sequence[Story], reading: Reading) -> None:
    """Say that days order nothing, where nothing else does."""
    if len(phases) > 1 and not any(story.dependencies for story in stories):
        reading.warn(
            Code.DAYS_ORDER_NOTHING,
            f"{len(phases)} ranges of days follow each other, and no task names another: tasks start as "
            "soon as their agents are free.",
            "Write `- **Dependencies**: Task 1.1` below the tasks that must wait.",
            phases[0].line or 1,
        )


def remark_lead(agents: Sequence[Agent], stories: Sequence[Story], reading: Reading) -> None:
    """Say that the lead gets no task by being the lead."""
    lead = next((agent for agent in agents if agent.coordinator), None)
    if lead is not None and stories and not any(story.agents for story in stories):
        reading.warn(
            Code.LEAD_NOT_ASSIGNED,
            f"`{lead.id}` leads, and no task names an agent: the tasks are nobody's.",
            "Write `- **Agent**: name` below the tasks.",
            lead.line or 1,
        )


def remark_points(sprint: Sprint, stories: Sequence[Story], reading: Reading) -> None:
    """Compare the points that are planned with those of the tasks, where all of them have some."""
    points = [story.points for story in stories if story.points is not None]
    if sprint.points_stated is None:
        return
    if len(points) < len(stories) or not stories:
        reading.warn(
            Code.POINTS_WITHOUT_ROWS,
            f"{sprint.points_stated:g} points are stated, and {len(stories) - len(points)} of {len(stories)} "
            "tasks have none, so nothing can be compared.",
            "Write the points of every task, such as `(3 points)`.",
            sprint.line or 1,
        )
    elif sum(points) != sprint.points_stated:
        reading.warn(
            Code.POINTS_DIFFER,
            f"`{sprint.id}` states {sprint.points_stated:g} points, and its work adds up to {sum(points):g}.",
            "Change the number that is wrong; both are kept as written.",
            sprint.line or 1,
        )


def remark_repeated(metrics: Sequence[Metric], done: Sequence[Item], reading: Reading) -> None:
    """Say which metrics the definition of done repeats: the same number of the same thing."""
    numbers = [metric for metric in metrics if metric.value is not None]
    for metric in numbers:
        for item in done:
            other = read_metric(metric.name, item.text, None, item.line or 0)
            same = (other.op, other.value, other.unit) == (metric.op, metric.value, metric.unit)
            if same and stems(metric.name) & stems(item.text):
                reading.warn(
                    Code.METRIC_REPEATED,
                    f"The metric `{metric.name}` is also in the definition of done, line {item.line}: "
                    f"`{item.text}`; both are kept.",
                    "Delete one of them if they are the same.",
                    metric.line or 1,
                )
