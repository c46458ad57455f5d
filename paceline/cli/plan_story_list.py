"""The stories of a proposal as a person reviews them: where each comes from, who does it, what would run."""

from __future__ import annotations

from collections.abc import Iterator

from paceline.cli.terminal import printable
from paceline.domain.plan import Plan, Story


def story_lines(plan: Plan) -> Iterator[str]:
    """One line for every story, with its quotation of the notes below where there is one."""
    quotes = {fact.name: str(fact.value) for fact in plan.facts if fact.section == "Proposal"}
    for story in plan.stories:
        yield _one_line(f"  {story.id}: {story.title}{_details(story)}")
        quote = quotes.get(f"quote of {story.id}")
        if quote and story.line:
            yield _one_line(f'      line {story.line}: "{quote}"')


def command_lines(plan: Plan) -> Iterator[str]:
    """Every command that Paceline would run, with its story."""
    for story in plan.stories:
        for command in story.proofs():
            # Nothing is cut off: what runs is what is shown.
            yield f"  {_one_line(story.id, None)}: {_one_line(command, None)}"


def _details(story: Story) -> str:
    waits = [target for each in story.dependencies for target in each.resolved or [each.as_written]]
    parts = [
        ", ".join(story.agents),
        "" if story.points is None else f"{story.points:g} points",
        f"after {', '.join(waits)}" if waits else "",
        ", ".join(file.path for file in story.files),
    ]
    known = "; ".join(part for part in parts if part)
    return f" ({known})" if known else ""


def _one_line(text: str, width: int | None = 160) -> str:
    start = text[: len(text) - len(text.lstrip(" "))]
    line = start + " ".join(printable(text).split())
    return line if width is None or len(line) <= width else line[: width - 1] + "\u2026"
