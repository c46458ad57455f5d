"""Labels of stories, epics and sprints, with the names that their readers have for them."""

from __future__ import annotations

from paceline.plans.labels import Meanings

STORY_LABELS = Meanings(
    {
        "agents": "agents",
        "dependencies": "dependencies",
        "tasks": "tasks",
        "acceptance_criteria": "criteria",
        "success_criteria": "criteria",
        "definition_of_done": "criteria",
        "files": "files",
        "new_files": "new_files",
        "checks": "checks",
        "approval": "approval",
        "change": "change",
        "no_change": "no_change",
        "points": "points",
        "priority": "priority",
        "description": "description",
        "user_story": "description",
        "sprints": "sprints",
        "status": "status",
        "phase": "phase",
        "epic": "epic",
    }
)

EPIC_LABELS = Meanings(
    {
        "priority": "priority",
        "dependencies": "dependencies",
        "points": "points",
        "total_points": "points",
        "agents": "owner",
        "goal": "goal",
        "description": "goal",
    }
)

SPRINT_LABELS = Meanings(
    {
        "goal": "goal",
        "duration": "duration",
        "points": "points",
        "total_points": "points",
        "capacity": "capacity",
    }
)
