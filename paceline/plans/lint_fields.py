"""Findings about labels and headings that no field of the normal form holds: they are kept, and named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from paceline.domain.plan import Fact, Finding, Plan
from paceline.plans.fields import normal
from paceline.plans.findings import Code, finding_at
from paceline.plans.labels import labels
from paceline.plans.lint_near import Nearest

_OF_STORY = (
    "agents", "dependencies", "tasks", "acceptance_criteria", "files", "new_files", "checks", "approval",
    "points", "priority", "description", "user_story", "status", "title", "id", "epic", "sprints", "phase",
)  # fmt: skip
_NEVER_MEANT = ("change", "no_change")
"""Known too, but who writes `Changes` or `Charge` means something else."""
_OF_PLAN = (
    "stories", "deliverables", "success_criteria", "definition_of_done", "definition_of_ready", "risks",
    "mitigations", "metrics", "contingency", "goal", "objective", "theme", "duration", "sprint_length",
    "capacity", "total_points", "team", "project", "lead", "ceremonies", "sprint_count", "mode",
)  # fmt: skip
_OF_READERS = frozenset(
    {
        "title parts", "requirements", "optional", "subtask", "endpoints", "states", "types", "points",
        "file", "status", "models", "events", "websocket endpoints", "files", "completion", "next_steps",
    }
)  # fmt: skip
"""Names that readers give to what they understood and that has no field."""
_OF_FORMATS = frozenset(
    {
        "labels", "created date", "updated date", "createdat", "updatedat", "reporter", "ordinal",
        "parent task id", "implementation plan", "implementation notes", "documentation", "final summary",
        "complexityscore", "complexity", "recommendedsubtasks", "expansionprompt", "reviewedat", "tags",
        "dev notes", "dev agent record", "qa results", "change log", "input", "prerequisites", "checkpoint",
        "technical notes", "notes", "note", "references", "date", "created", "updated", "due", "due date",
    }
)  # fmt: skip
"""Names that are usual in the formats Paceline reads: nobody writes them by mistake."""
_NAMED = 20
"""Labels that are named one by one; the rest are counted."""
_ALIKE = 0.8
"""How like a known label another must be: one wrong letter in five, or fewer."""
_LINES = 6
"""Lines that one sentence lists."""


def check_fields(plan: Plan) -> Iterator[Finding]:
    """Labels of stories, epics and sprints that no field holds, and other labels that are nearly known."""
    in_work = {each.id for each in [*plan.stories, *plan.epics, *plan.sprints, *plan.agents]}
    known = labels().forms(*_OF_STORY, *_OF_PLAN, *_NEVER_MEANT)
    unknown: dict[str, list[Fact]] = {}
    for fact in plan.facts:
        name = normal(fact.name or "")
        usual = fact.name in _OF_READERS or name.replace("_", " ") in _OF_FORMATS
        if name and name not in known and not usual:
            unknown.setdefault(name, []).append(fact)
    nearest = Nearest([word for word in labels().words(*_OF_STORY, *_OF_PLAN) if len(word) > 3])
    told: list[list[Fact]] = []
    for name, facts in unknown.items():
        inside = [fact for fact in facts if fact.section in in_work]
        near = nearest.find(name, least=_ALIKE) if len(told) < _NAMED else None
        if not inside and near is None:
            # Of the plan as a whole, people write whatever they like: dates, departments, notes.
            continue
        told.append(facts)
        if len(told) <= _NAMED:
            yield _unknown(inside or facts, near)
    if len(told) > _NAMED:
        yield _more(told[_NAMED:])


def _unknown(facts: list[Fact], near: str | None) -> Finding:
    name = facts[0].name or ""
    where = f" ({_lines(facts)})" if len(facts) > 1 else ""
    remedy = (
        f"Write `{_like(near, name)}`, if that is meant." if near else "Nothing, if it is a note for people."
    )
    message = f"No field holds `{name}`{where}; it is kept under facts."
    return finding_at(facts[0], Code.UNKNOWN_FIELD, message, remedy)


def _more(groups: list[list[Fact]]) -> Finding:
    return finding_at(
        groups[0][0],
        Code.UNKNOWN_FIELD,
        f"No field holds `{groups[0][0].name}` and {len(groups) - 1} more labels; they are kept under facts.",
        "Nothing, if they are notes for people.",
    )


def _lines(facts: Iterable[Fact]) -> str:
    lines = [str(fact.line) for fact in facts if fact.line is not None]
    shown = ", ".join(lines[:_LINES])
    return f"lines {shown}" if len(lines) <= _LINES else f"lines {shown} and {len(lines) - _LINES} more"


def _like(known: str, written: str) -> str:
    """A known label with capitals as the plan has them."""
    return known.title() if written.istitle() else known.capitalize() if written[:1].isupper() else known
