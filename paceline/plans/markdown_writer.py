"""Stories as a markdown plan in the shape of agent sprints, which reads back to the same stories."""

from __future__ import annotations

import re
from collections.abc import Sequence

from paceline.domain.plan import Story
from paceline.errors import PlanUnreadable
from paceline.plans.csv_stories import CsvError, CsvStory
from paceline.plans.reader import read_plan


def write_markdown(stories: Sequence[CsvStory], title: str) -> str:
    """A plan of these stories; those of one epic stand together.

    Args:
        stories: in the order of the plan.
        title: of the plan.
    """
    lines = [f"# Sprint Plan: {title}", ""]
    agents = list(dict.fromkeys(name for story in stories for name in story.agents))
    if agents:
        lines += ["## Agent Team Composition", ""]
        for number, name in enumerate(agents, 1):
            lines += [f"### {number}. {name}", "- **Role**: Does its stories", ""]
    lines += ["## Sprint Backlog", ""]
    epics = list(dict.fromkeys(story.epic for story in stories))
    for number, epic in enumerate(epics, 1):
        if len(epics) > 1 or epic:
            # Below an epic's heading, a story without one would be of that.
            lines += [_epic(epic or "Backlog", number), ""]
        for story in stories:
            if story.epic == epic:
                lines += [*_story(story), ""]
    return "\n".join(lines)


def _epic(name: str, number: int) -> str:
    return f"### {name}" if re.match(r"epic\s+\d", name, re.IGNORECASE) else f"### Epic {number}: {name}"


def _story(story: CsvStory) -> list[str]:
    lines = [f"#### {story.id}: {story.title}"]
    plain = {
        "Agent": ", ".join(story.agents),
        "Sprint": story.sprint,
        "Points": "" if story.points is None else f"{story.points:g}",
        "Priority": story.priority,
        "Description": story.description,
        "Dependencies": ", ".join(story.dependencies),
    }
    lines += [f"- **{name}**: {text}" for name, text in plain.items() if text]
    for name, texts in (("Tasks", story.tasks), ("Acceptance Criteria", story.acceptance_criteria)):
        lines += [f"- **{name}**:", *(f"  - {text}" for text in texts)] if texts else []
    lines += ["- **Checks**:", *(f"  - `{each}`" for each in story.checks)] if story.checks else []
    lines += [f"- **Files**: {', '.join(f'`{each}`' for each in story.files)}"] if story.files else []
    return lines


def read_back(text: str, stories: Sequence[CsvStory]) -> list[CsvError]:
    """What a plan would not say as the rows say it, because it means something in markdown."""
    try:
        plan = read_plan(text, "imported.md")
    except PlanUnreadable:
        return [_lost(stories[0], "id", stories[0].id)]
    found = {story.id: story for story in plan.stories}
    errors: list[CsvError] = []
    for story in stories:
        if story.id not in found:
            errors.append(_lost(story, "id", story.id))
            continue
        errors += [_lost(story, column, said) for column, said in _changed(story, found[story.id])]
    if not errors and len(plan.stories) != len(stories):
        names = {story.id for story in stories}
        more = next((each.id for each in plan.stories if each.id not in names), "one")
        errors.append(_lost(stories[0], "id", more))
    return errors


def _changed(asked: CsvStory, read: Story) -> list[tuple[str, str]]:
    """Columns that came back otherwise, with what was asked."""
    pairs: list[tuple[str, object, object]] = [
        ("title", asked.title, read.title),
        ("agent", asked.agents, read.agents),
        ("points", asked.points, read.points),
        ("priority", asked.priority.casefold(), (read.priority or "").casefold()),
        ("description", asked.description, read.description or ""),
        ("dependencies", asked.dependencies, [name for each in read.dependencies for name in each.resolved]),
        ("tasks", asked.tasks, [each.text for each in read.tasks]),
        ("acceptance_criteria", asked.acceptance_criteria, [each.text for each in read.acceptance_criteria]),
        ("checks", asked.checks, read.checks),
        ("files", asked.files, [each.path for each in read.files]),
    ]
    if asked.sprint:
        pairs.append(("sprint", [asked.sprint], read.sprints))
    return [(column, str(wanted)[:200]) for column, wanted, got in pairs if wanted != got]


def _lost(story: CsvStory, column: str, said: str) -> CsvError:
    return CsvError(
        line=story.line,
        column=column,
        message=f"{said[:200]} would read otherwise in a plan",
        remedy="write it without signs that mean something in markdown, or in other words",
    )
