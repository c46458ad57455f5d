"""Paceline's search attributes: the names by which Temporal's UI and CLI find its workflows."""

from __future__ import annotations

from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

PROJECT = SearchAttributeKey.for_keyword("PacelineProject")
SPRINT = SearchAttributeKey.for_keyword("PacelineSprint")
EPIC = SearchAttributeKey.for_keyword("PacelineEpic")
STORY = SearchAttributeKey.for_keyword("PacelineStory")
AGENT = SearchAttributeKey.for_keyword("PacelineAgent")
STATE = SearchAttributeKey.for_keyword("PacelineState")
ATTEMPT = SearchAttributeKey.for_int("PacelineAttempt")

ALL: tuple[SearchAttributeKey[Any], ...] = (PROJECT, SPRINT, EPIC, STORY, AGENT, STATE, ATTEMPT)
"""Few on purpose: a dev server on SQLite has ten keywords for everyone."""
_LONGEST = 200
"""Characters of a value; ids in plans may be longer than what a server indexes."""


def of_part(
    project: str, sprint: str, epic: str = "", *more: SearchAttributePair[Any]
) -> TypedSearchAttributes:
    """What a workflow within a run is found by.

    Args:
        project: the run.
        sprint: the key of the sprint that it is in, or that it is of.
        epic: the key of the epic; empty: it is in none.
        more: what it is found by beside that.
    """
    places = [(PROJECT, project), (SPRINT, sprint), *([(EPIC, epic)] if epic else [])]
    return TypedSearchAttributes([*(keyword(key, text) for key, text in places), *more])


def keyword(key: SearchAttributeKey[str], text: str) -> SearchAttributePair[str]:
    """A text as the value of a search attribute, cut where it is too long."""
    return SearchAttributePair(key, text[:_LONGEST])
