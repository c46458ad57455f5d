"""Words for the columns of tables in several languages, in the same shape as the words of `labels`."""

from __future__ import annotations

from typing import Literal

from paceline.plans.fields import normal

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

COLUMNS: dict[Column, dict[str, str]] = {
    "id": {
        "en": "id, story id, task id, key, ticket, issue",
        "de": "kennung",
        "es": "c\u00f3digo",
        "fr": "identifiant",
        "zh": "\u7f16\u53f7",
    },
    "number": {
        "en": "#, no, no., number",
        "de": "nr, nr., nummer",
        "es": "n\u00ba, n\u00famero",
        "fr": "n\u00b0, num\u00e9ro",
        "zh": "\u5e8f\u53f7",
    },
    "story": {
        "en": "story, user story, story title, item, work item, feature, title, name, work, description",
        "de": "story, titel, anforderung, arbeitspaket, beschreibung",
        "es": "historia, historia de usuario, t\u00edtulo, elemento, descripci\u00f3n",
        "fr": "r\u00e9cit, r\u00e9cit utilisateur, histoire, titre, \u00e9l\u00e9ment",
        "zh": "\u6545\u4e8b, \u7528\u6237\u6545\u4e8b, \u6807\u9898, \u540d\u79f0",
    },
    "task": {
        "en": "task, tasks, activity",
        "de": "aufgabe, aufgaben, t\u00e4tigkeit",
        "es": "tarea, tareas, actividad",
        "fr": "t\u00e2che, t\u00e2ches, activit\u00e9",
        "zh": "\u4efb\u52a1",
    },
    "assignee": {
        "en": "assignee, assignees, assigned to, assigned, owner, owners, agent, agents, developer, who, "
        "responsible, role",
        "de": "zugewiesen, zugewiesen an, verantwortlich, verantwortliche, bearbeiter, wer",
        "es": "asignado, asignado a, responsable, encargado",
        "fr": "assign\u00e9, assign\u00e9 \u00e0, responsable, affect\u00e9 \u00e0",
        "zh": "\u8d1f\u8d23\u4eba, \u6307\u6d3e, \u6267\u884c\u4eba",
    },
    "points": {
        "en": "points, story points, point, sp, pts, estimate, estimated points, size, effort",
        "de": "punkte, story-punkte, storypunkte, aufwand, sch\u00e4tzung",
        "es": "puntos, puntos de historia, estimaci\u00f3n, esfuerzo",
        "fr": "points, points de r\u00e9cit, estimation, effort",
        "zh": "\u70b9\u6570, \u6545\u4e8b\u70b9, \u4f30\u7b97",
    },
    "priority": {
        "en": "priority, prio",
        "de": "priorit\u00e4t, prio",
        "es": "prioridad",
        "fr": "priorit\u00e9",
        "zh": "\u4f18\u5148\u7ea7",
    },
    "epic": {"en": "epic", "de": "epos", "es": "\u00e9pica", "fr": "\u00e9pop\u00e9e", "zh": "\u53f2\u8bd7"},
    "sprint": {"en": "sprint, iteration", "zh": "\u51b2\u523a, \u8fed\u4ee3"},
    "dependencies": {
        "en": "dependencies, dependency, depends on, depends, blocked by, requires",
        "de": "abh\u00e4ngigkeiten, abh\u00e4ngig von, h\u00e4ngt ab von",
        "es": "dependencias, depende de",
        "fr": "d\u00e9pendances, d\u00e9pend de",
        "zh": "\u4f9d\u8d56, \u4f9d\u8d56\u9879",
    },
    "status": {
        "en": "status, state, done",
        "de": "status, stand, erledigt",
        "es": "estado, hecho",
        "fr": "statut, \u00e9tat, fait",
        "zh": "\u72b6\u6001",
    },
}

_COLUMNS: dict[str, Column] = {
    word.strip(): column
    for column, languages in COLUMNS.items()
    for words in languages.values()
    for word in words.split(",")
}


def column_of(header: str) -> Column | None:
    """What a column's header means."""
    return _COLUMNS.get(normal(header))
