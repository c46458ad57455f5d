"""What the columns of a table of work mean."""

from __future__ import annotations

from typing import Literal, cast

from paceline.plans.labels import Meanings
from paceline.plans.marks import without_pictures

Column = Literal[
    "id",
    "number",
    "story",
    "task",
    "assignee",
    "points",
    "priority",
    "epic",
    "sprint",
    "dependencies",
    "status",
]

COLUMNS = Meanings(
    {
        "id": "id",
        "number": "number",
        "column.story": "story",
        "column.task": "task",
        "agents": "assignee",
        "column.agents": "assignee",
        "points": "points",
        "priority": "priority",
        "epic": "epic",
        "sprints": "sprint",
        "dependencies": "dependencies",
        "status": "status",
        "column.status": "status",
    }
)


def column_of(header: str) -> Column | None:
    """What a column's header means."""
    return cast("Column | None", COLUMNS.get(without_pictures(header).strip("*: ")))
