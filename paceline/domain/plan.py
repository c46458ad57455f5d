"""The normal form of a plan: what every reader produces and everything else consumes.

What is written is kept as written beside what is resolved; absent is None, never zero or an empty guess.
Lines are 1-based lines of the source text.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from pydantic import Field

from paceline.domain.model import Model

SCHEMA_VERSION = 1

StoryChange = Literal["required", "optional"]
StoryKind = Literal["story", "task", "work_item"]
PhaseMode = Literal["sequential", "parallel", "collaborative", "parallel+collaborative"]
Severity = Literal["error", "warning"]


def _is_absent(value: object) -> bool:
    return value is None


SourceFile = Annotated[str | None, Field(exclude_if=_is_absent)]
"""The file of a folder that something is written in; None, and not written, where the plan is one file."""

Change = Annotated[StoryChange | None, Field(exclude_if=_is_absent)]
"""Not written where the plan does not say it: plans of older runs keep their digests."""


class Item(Model):
    """A task, criterion, deliverable or checklist entry."""

    text: str
    done: bool | None = None
    line: int | None = None
    command: str | None = None
    """A command that proves it, where the plan names one."""
    group: str | None = None
    """The heading that it stands under within its list."""


class File(Model):
    """A path or glob, relative to the repository's root."""

    path: str
    new: bool = False


class Dependency(Model):
    """One reference, as written and as resolved.

    `resolved` names stories or epics by id. A `qualifier` such as "partial" narrows it; `gate` then lists
    the stories that really gate (decided by phase order), and is None when the whole target does.
    """

    as_written: str
    resolved: list[str] = Field(default_factory=list[str])
    qualifier: str | None = None
    gate: list[str] | None = None
    line: int | None = None


class Allocation(Model):
    """Points of one story spent in one sprint; `of` is the denominator of a written `3/5`."""

    sprint: str
    points: float
    of: float | None = None
    marker: str | None = None
    line: int | None = None


class Story(Model):
    """A schedulable unit of work."""

    id: str
    title: str
    kind: StoryKind = "story"
    epic: str | None = None
    sprints: list[str] = Field(default_factory=list[str])
    agents: list[str] = Field(default_factory=list[str])
    agents_as_written: str | None = None
    agents_line: int | None = None
    collaborative: bool = False
    points: float | None = None
    allocations: list[Allocation] = Field(default_factory=list[Allocation])
    priority: str | None = None
    dependencies: list[Dependency] = Field(default_factory=list[Dependency])
    dependencies_as_written: str | None = None
    tasks: list[Item] = Field(default_factory=list[Item])
    acceptance_criteria: list[Item] = Field(default_factory=list[Item])
    checks: list[str] = Field(default_factory=list[str])
    """Commands that must exit 0 on the merged result."""
    files: list[File] = Field(default_factory=list[File])
    files_as_written: str | None = None
    files_line: int | None = None
    lock_globs: list[str] = Field(default_factory=list[str])
    """Globs to lock for a file list given in words, such as "Test files only"."""
    approval: bool | None = None
    """True where the plan asks a person before the merge."""
    change: Change = None
    """Whether the work has to change a file; `optional`: it may find that everything is as it should be."""
    description: str | None = None
    phase: str | None = None
    done: bool | None = None
    line: int | None = None
    file: SourceFile = None

    def proofs(self) -> list[str]:
        """Every command that must exit 0 on the merged result: checks, then those of criteria and tasks."""
        items = [*self.acceptance_criteria, *self.tasks]
        commands = [*self.checks, *(item.command for item in items if item.command)]
        return list(dict.fromkeys(commands))


class Epic(Model):
    """A group of stories with a priority and dependencies its stories inherit."""

    id: str
    title: str
    priority: str | None = None
    points: float | None = None
    dependencies: list[Dependency] = Field(default_factory=list[Dependency])
    dependencies_as_written: str | None = None
    owner: str | None = None
    goal: str | None = None
    stories: list[str] = Field(default_factory=list[str])
    implicit: bool = False
    line: int | None = None
    file: SourceFile = None


class Sprint(Model):
    """A time box."""

    id: str
    name: str | None = None
    number: int | None = None
    theme: str | None = None
    goal: str | None = None
    duration_text: str | None = None
    weeks: tuple[int, int] | None = None
    """First and last week."""
    capacity_points: float | None = None
    capacity_range: tuple[float, float] | None = None
    """Least and most points, where the capacity is a range."""
    points_stated: float | None = None
    points_as_written: str | None = None
    deliverables: list[Item] = Field(default_factory=list[Item])
    success_criteria: list[Item] = Field(default_factory=list[Item])
    definition_of_done: list[Item] = Field(default_factory=list[Item])
    """What holds for this sprint in addition to the plan's own definition of done."""
    optional: bool = False
    condition: str | None = None
    """When an optional sprint is needed, as written."""
    implicit: bool = False
    line: int | None = None
    file: SourceFile = None


class Agent(Model):
    """A member of the plan's team."""

    id: str
    title: str | None = None
    qualifier: str | None = None
    aliases: list[str] = Field(default_factory=list[str])
    role: str | None = None
    tools: list[str] | None = None
    focus_areas: list[str] | None = None
    success_criteria: list[str] | None = None
    primary: str | None = None
    """The work it has in the first place, as written; `primary_stories` are those it names."""
    primary_stories: list[str] = Field(default_factory=list[str])
    secondary: str | None = None
    points_stated: float | None = None
    """The load that the plan gives it, in points."""
    coordinator: bool = False
    line: int | None = None
    file: SourceFile = None


class PhaseStep(Model):
    """One line of a phase; `story` is the inferred match, None where there is none."""

    agents: list[str] = Field(default_factory=list[str])
    agents_as_written: str | None = None
    text: str
    mode: PhaseMode | None = None
    story: str | None = None
    line: int | None = None


class Phase(Model):
    """A range of days that groups and labels; dependencies order."""

    id: str
    name: str | None = None
    days: tuple[int, int] | None = None
    week: int | None = None
    mode: PhaseMode | None = None
    mode_as_written: str | None = None
    steps: list[PhaseStep] = Field(default_factory=list[PhaseStep])
    line: int | None = None
    file: SourceFile = None


class SharedResource(Model):
    """A file that nobody edits without a lock."""

    path: str
    note: str | None = None
    line: int | None = None
    file: SourceFile = None


class OwnedResources(Model):
    """What one agent owns: paths, globs, and entries given in words."""

    agent: str
    files: list[str] = Field(default_factory=list[str])
    globs: list[str] = Field(default_factory=list[str])
    other: list[str] = Field(default_factory=list[str])
    line: int | None = None
    file: SourceFile = None


class Resources(Model):
    """Shared and agent-owned resources."""

    shared: list[SharedResource] = Field(default_factory=list[SharedResource])
    owned: list[OwnedResources] = Field(default_factory=list[OwnedResources])


class Metric(Model):
    """A success metric; `op` and `value` are None where the target is not a number."""

    name: str
    target: str
    category: str | None = None
    op: str | None = None
    value: float | None = None
    unit: str | None = None
    line: int | None = None
    file: SourceFile = None


class Risk(Model):
    """An entry of the risk register."""

    name: str
    sprint: str | None = None
    text: str | None = None
    level: str | None = None
    probability: str | None = None
    impact: str | None = None
    mitigation: str | None = None
    mitigation_inferred: bool = False
    """Whether the mitigation stands in a list of its own and was paired by its place."""
    mitigation_line: int | None = None
    category: str | None = None
    """What kind of risk the heading says it is, where that is no level."""
    line: int | None = None
    file: SourceFile = None


class Contingency(Model):
    """What to do when the plan meets reality."""

    name: str
    text: str | None = None
    stories: list[str] = Field(default_factory=list[str])
    """The stories that it names."""
    line: int | None = None
    file: SourceFile = None


class Finding(Model):
    """One remark of a reader or of the linter: stable code, place, sentence and remedy."""

    code: str
    severity: Severity
    message: str
    remedy: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None


class Fact(Model):
    """Something written that no field of the normal form holds, kept with its line."""

    section: str | None = None
    name: str | None = None
    value: Any = None
    line: int | None = None
    file: SourceFile = None


class Source(Model):
    """Where the plan was read from; `digest` is the SHA-256 of the text."""

    file: str | None = None
    kind: str
    lines: int
    digest: str


class Plan(Model):
    """A whole plan in the normal form."""

    schema_version: int = SCHEMA_VERSION
    title: str
    project: str | None = None
    source: Source
    goal: str | None = None
    sprints: list[Sprint] = Field(default_factory=list[Sprint])
    epics: list[Epic] = Field(default_factory=list[Epic])
    stories: list[Story] = Field(default_factory=list[Story])
    agents: list[Agent] = Field(default_factory=list[Agent])
    phases: list[Phase] = Field(default_factory=list[Phase])
    resources: Resources = Field(default_factory=Resources)
    metrics: list[Metric] = Field(default_factory=list[Metric])
    risks: list[Risk] = Field(default_factory=list[Risk])
    contingency: list[Contingency] = Field(default_factory=list[Contingency])
    definition_of_ready: list[Item] | None = None
    definition_of_done: list[Item] | None = None
    deliverables: list[Item] | None = None
    capacity: str | None = None
    facts: list[Fact] = Field(default_factory=list[Fact])
    warnings: list[Finding] = Field(default_factory=list[Finding])

    def to_json(self) -> str:
        """The plan as JSON: the same bytes for the same document."""
        return self.model_dump_json(indent=2) + "\n"

    def digest(self) -> str:
        """SHA-256 of the normal form without its file name, so that a moved file is the same plan.

        Returns:
            64 lower-case hexadecimal digits.
        """
        source = self.source.model_copy(update={"file": None})
        text = self.model_copy(update={"source": source}).model_dump_json()
        return hashlib.sha256(text.encode()).hexdigest()
