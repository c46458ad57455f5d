"""Small plans for tests, in the words of the agent sprint plan format."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class S:
    """A story to write down."""

    id: str
    depends: str = ""
    agent: str = "Builder"
    files: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    approval: bool = False
    change: str = ""
    """What stands behind the label `Change`."""
    points: int | None = None


@dataclass
class E:
    """An epic to write down."""

    id: str
    stories: list[S] = field(default_factory=list[S])
    depends: str = ""


def plan(*epics: E, agents: tuple[str, ...] = ("Builder",), title: str = "Sprint Plan: Sample Work") -> str:
    """The markdown of a plan."""
    lines = [f"# {title}", "", "## Sprint Overview", "**Goal**: Try it", "", "## Agent Team Composition", ""]
    for number, agent in enumerate(agents, 1):
        lines += [f"### {number}. {agent}", "- **Role**: Works", ""]
    lines += ["## Sprint Backlog", ""]
    for epic in epics:
        lines += [f"### Epic {epic.id}: Part {epic.id}", f"**Dependencies**: {epic.depends or 'None'}", ""]
        for story in epic.stories:
            lines += _story(story)
    return "\n".join(lines)


def _story(story: S) -> list[str]:
    lines = [f"#### Story {story.id}: Piece {story.id}", f"- **Agent**: {story.agent}"]
    if story.points is not None:
        lines.append(f"- **Points**: {story.points}")
    if story.depends:
        lines.append(f"- **Dependencies**: {story.depends}")
    lines += ["- **Tasks**:", f"  - Do {story.id}", "- **Acceptance Criteria**:", f"  - {story.id} is there"]
    if story.checks:
        lines += ["- **Checks**:", *(f"  - `{check}`" for check in story.checks)]
    if story.files:
        lines.append("- **Files Modified**: " + ", ".join(f"`{path}`" for path in story.files))
    if story.approval:
        lines.append("- **Approval**: required")
    if story.change:
        lines.append(f"- **Change**: {story.change}")
    return [*lines, ""]
