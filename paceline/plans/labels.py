"""Words of plans in several languages: what a heading or a label means. One row for every language.

To add a language, add a row to each concept; to add a concept, add a block.
"""

from __future__ import annotations

import re
from typing import Literal

from paceline.plans.fields import normal, split_parenthesis

Concept = Literal[
    "stories",
    "deliverables",
    "success_criteria",
    "definition_of_done",
    "definition_of_ready",
    "risks",
    "mitigations",
    "metrics",
    "contingency",
    "goal",
    "objective",
    "duration",
    "sprint_length",
    "capacity",
    "points",
    "team",
    "project",
    "lead",
    "ceremonies",
]

LABELS: dict[Concept, dict[str, str]] = {
    "stories": {
        "en": "stories, user stories, sprint stories, backlog, sprint backlog, items, work items, scope",
        "de": "storys, user storys, aufgaben, sprint-backlog, arbeitspakete, umfang",
        "es": "historias, historias de usuario, tareas, trabajo",
        "fr": "r\u00e9cits, r\u00e9cits utilisateur, t\u00e2ches, p\u00e9rim\u00e8tre",
        "zh": "\u6545\u4e8b, \u7528\u6237\u6545\u4e8b, \u4efb\u52a1, \u5de5\u4f5c\u9879",
    },
    "deliverables": {
        "en": "deliverables, deliverable, sprint deliverables, key deliverables, outputs",
        "de": "liefergegenst\u00e4nde, lieferobjekte, ergebnisse",
        "es": "entregables",
        "fr": "livrables",
        "zh": "\u4ea4\u4ed8\u7269, \u4ea4\u4ed8\u6210\u679c",
    },
    "success_criteria": {
        "en": "success criteria, acceptance criteria, sprint success criteria, exit criteria",
        "de": "erfolgskriterien, akzeptanzkriterien, abnahmekriterien",
        "es": "criterios de \u00e9xito, criterios de aceptaci\u00f3n",
        "fr": "crit\u00e8res de succ\u00e8s, crit\u00e8res de r\u00e9ussite, crit\u00e8res d'acceptation",
        "zh": "\u6210\u529f\u6807\u51c6, \u9a8c\u6536\u6807\u51c6",
    },
    "definition_of_done": {
        "en": "definition of done, dod, done when",
        "de": "definition von fertig, definition of done",
        "es": "definici\u00f3n de hecho, definici\u00f3n de terminado",
        "fr": "d\u00e9finition de termin\u00e9, d\u00e9finition du fini",
        "zh": "\u5b8c\u6210\u5b9a\u4e49, \u5b8c\u6210\u7684\u5b9a\u4e49",
    },
    "definition_of_ready": {
        "en": "definition of ready, dor",
        "de": "definition von bereit",
        "es": "definici\u00f3n de listo, definici\u00f3n de preparado",
        "fr": "d\u00e9finition de pr\u00eat",
        "zh": "\u5c31\u7eea\u5b9a\u4e49",
    },
    "risks": {
        "en": "risks, risk, risk management, risk register, risk assessment, risks and mitigations",
        "de": "risiken, risikomanagement",
        "es": "riesgos, gesti\u00f3n de riesgos",
        "fr": "risques, gestion des risques",
        "zh": "\u98ce\u9669, \u98ce\u9669\u7ba1\u7406",
    },
    "mitigations": {
        "en": "mitigation, mitigations, mitigation strategies, mitigation strategy, mitigation plan",
        "de": "gegenma\u00dfnahmen, ma\u00dfnahmen",
        "es": "mitigaci\u00f3n, mitigaciones, estrategias de mitigaci\u00f3n",
        "fr": "att\u00e9nuation, mesures d'att\u00e9nuation",
        "zh": "\u7f13\u89e3\u63aa\u65bd, \u5e94\u5bf9\u63aa\u65bd",
    },
    "metrics": {
        "en": "metrics, success metrics, sprint metrics, kpis, key metrics",
        "de": "metriken, kennzahlen, erfolgskennzahlen",
        "es": "m\u00e9tricas, m\u00e9tricas de \u00e9xito, indicadores",
        "fr": "m\u00e9triques, indicateurs, indicateurs de succ\u00e8s",
        "zh": "\u6307\u6807, \u6210\u529f\u6307\u6807, \u5ea6\u91cf",
    },
    "contingency": {
        "en": "contingency, contingency plan, contingency plans, contingency planning",
        "de": "notfallplan, notfallpl\u00e4ne",
        "es": "contingencia, planes de contingencia, plan de contingencia",
        "fr": "plan de secours, plans de secours",
        "zh": "\u5e94\u6025\u8ba1\u5212",
    },
    "goal": {
        "en": "goal, sprint goal, theme, focus, goals, sprint goals",
        "de": "ziel, sprintziel, sprint-ziel, ziele",
        "es": "objetivo, objetivo del sprint, meta",
        "fr": "objectif, objectif du sprint, but",
        "zh": "\u76ee\u6807, \u51b2\u523a\u76ee\u6807",
    },
    "objective": {
        "en": "primary objective, main objective, objective, primary goal",
        "de": "hauptziel",
        "es": "objetivo principal",
        "fr": "objectif principal",
        "zh": "\u4e3b\u8981\u76ee\u6807",
    },
    "duration": {
        "en": "duration, sprint duration, project duration, timeline, dates, weeks, total duration",
        "de": "dauer, zeitraum, laufzeit, projektdauer",
        "es": "duraci\u00f3n, duraci\u00f3n del proyecto, fechas",
        "fr": "dur\u00e9e, dur\u00e9e du projet, dates",
        "zh": "\u65f6\u957f, \u5468\u671f, \u9879\u76ee\u5468\u671f, \u65f6\u95f4",
    },
    "sprint_length": {
        "en": "sprint length, iteration length, length",
        "de": "sprintl\u00e4nge",
        "es": "duraci\u00f3n del sprint",
        "fr": "dur\u00e9e du sprint",
        "zh": "\u51b2\u523a\u957f\u5ea6",
    },
    "capacity": {
        "en": "capacity, sprint capacity, velocity, target velocity, planned velocity",
        "de": "kapazit\u00e4t, sprint-kapazit\u00e4t, sprintkapazit\u00e4t",
        "es": "capacidad, capacidad del sprint",
        "fr": "capacit\u00e9, capacit\u00e9 du sprint, v\u00e9locit\u00e9",
        "zh": "\u5bb9\u91cf, \u51b2\u523a\u5bb9\u91cf",
    },
    "points": {
        "en": "points, total points, story points, total story points, total, estimate",
        "de": "punkte, story-punkte, gesamtpunkte, summe",
        "es": "puntos, puntos de historia, total de puntos",
        "fr": "points, total des points",
        "zh": "\u70b9\u6570, \u6545\u4e8b\u70b9, \u603b\u70b9\u6570",
    },
    "team": {
        "en": "team, team size, sprint team",
        "de": "team, teamgr\u00f6\u00dfe",
        "es": "equipo, tama\u00f1o del equipo",
        "fr": "\u00e9quipe, taille de l'\u00e9quipe",
        "zh": "\u56e2\u961f, \u56e2\u961f\u89c4\u6a21",
    },
    "project": {
        "en": "project, project name",
        "de": "projekt, projektname",
        "es": "proyecto",
        "fr": "projet",
        "zh": "\u9879\u76ee, \u9879\u76ee\u540d\u79f0",
    },
    "lead": {
        "en": "sprint lead, lead, team lead, scrum master, project lead, coordinator, sprint manager",
        "de": "leitung, sprintleitung",
        "es": "responsable, l\u00edder del sprint",
        "fr": "responsable du sprint, chef de projet",
        "zh": "\u8d1f\u8d23\u4eba",
    },
    "ceremonies": {
        "en": "sprint ceremonies, ceremonies, meetings, sprint events, scrum events",
        "de": "sprint-termine, zeremonien",
        "es": "ceremonias, reuniones",
        "fr": "c\u00e9r\u00e9monies, r\u00e9unions",
        "zh": "\u4f1a\u8bae",
    },
}

_POINT_WORDS = (
    r"story[ -]?points?|points?|pts?\.?|sp|story[ -]?punkte?|punkte?|puntos?(?: de historia)?"
    r"|\u6545\u4e8b\u70b9|\u70b9"
)
_NUMBER = r"\d+(?:[.,]\d+)?"
_POINTS = re.compile(rf"^~?(?P<number>{_NUMBER})\s*(?:{_POINT_WORDS})$", re.IGNORECASE)
_SAYS_POINTS = re.compile(rf"\d\s*(?:{_POINT_WORDS})$", re.IGNORECASE)
_TOTAL = re.compile(rf"(?P<number>{_NUMBER})\s*(?:{_POINT_WORDS})(?!\w)", re.IGNORECASE)
_RANGE = re.compile(
    r"(?P<low>\d+(?:\.\d+)?)\s*(?:-|\u2013|\u2014|to|bis|a|\u00e0|\u81f3)\s*(?P<high>\d+(?:\.\d+)?)(?!\s*/)",
    re.IGNORECASE,
)

_CONCEPTS: dict[str, Concept] = {
    word.strip(): concept
    for concept, languages in LABELS.items()
    for words in languages.values()
    for word in words.split(",")
}


def concept_of(text: str) -> Concept | None:
    """What a heading or a label means; a parenthesis at its end does not matter."""
    found = _CONCEPTS.get(normal(text))
    return found or _CONCEPTS.get(normal(split_parenthesis(text.rstrip(": \uff1a"))[0]))


def points_of(text: str) -> float | None:
    """The number of `3 points`, where that is all there is."""
    match = _POINTS.match(text.strip())
    return float(match["number"].replace(",", ".")) if match else None


def says_points(text: str) -> bool:
    """Whether a text is about points, as `3-5 points` is, though it is no single number."""
    return _SAYS_POINTS.search(text.strip()) is not None


def total_of(text: str) -> float | None:
    """The number of points that a text such as `Total: 35 points` names."""
    match = _TOTAL.search(text)
    return float(match["number"].replace(",", ".")) if match else None


def number_range(text: str) -> tuple[float, float] | None:
    """The first range of numbers in a text, such as `40-60`."""
    match = _RANGE.search(text)
    if match is None:
        return None
    low, high = float(match["low"]), float(match["high"])
    return (low, high) if low <= high else (high, low)
