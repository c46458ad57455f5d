"""The shared plan that a truth test names, and what a person read out of it."""

from __future__ import annotations

from typing import Any

import pytest

from paceline.domain.plan import Plan
from paceline.plans.reader import read_plan
from tests.shared_plans import plan_text, truth


@pytest.fixture(scope="module")
def plan(request: pytest.FixtureRequest) -> Plan:
    """The plan that the test module's `NAME` names, read."""
    name = _name(request)
    return read_plan(plan_text(name), f"{name}.md")


@pytest.fixture(scope="module")
def expected(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Its truth."""
    return truth(_name(request))


def _name(request: Any) -> str:
    return request.module.NAME
