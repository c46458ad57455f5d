"""Paceline's search attributes: the names by which Temporal's UI and CLI find its workflows."""

from __future__ import annotations

from typing import Any

from temporalio.common import SearchAttributeKey

PROJECT = SearchAttributeKey.for_keyword("PacelineProject")
SPRINT = SearchAttributeKey.for_keyword("PacelineSprint")
EPIC = SearchAttributeKey.for_keyword("PacelineEpic")
STORY = SearchAttributeKey.for_keyword("PacelineStory")
AGENT = SearchAttributeKey.for_keyword("PacelineAgent")
STATE = SearchAttributeKey.for_keyword("PacelineState")
ATTEMPT = SearchAttributeKey.for_int("PacelineAttempt")

ALL: tuple[SearchAttributeKey[Any], ...] = (PROJECT, SPRINT, EPIC, STORY, AGENT, STATE, ATTEMPT)
"""Few on purpose: a dev server on SQLite has ten keywords for everyone."""
