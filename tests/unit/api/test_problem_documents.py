"""Errors as problem documents: every code has a status, and nothing of the inside gets out."""

from __future__ import annotations

import json

import pytest

from api.errors import STATUS_OF_CODE, of_error, problem
from paceline.errors import AlreadyAnswered, PacelineError


def codes(root: type[PacelineError]) -> list[str]:
    """The codes of a class and of all below it."""
    return [root.code, *(code for child in root.__subclasses__() for code in codes(child))]


def test_every_code_of_the_error_tree_has_a_status() -> None:
    assert set(codes(PacelineError)) <= STATUS_OF_CODE.keys()


def test_details_are_extension_members_and_do_not_overwrite_the_rfc() -> None:
    error = AlreadyAnswered("Ada was first.", actor="ada", status=200, code="FINE")
    answer = of_error(error, path="/api/v1/questions/q1/answer", request_id="r1")
    body = json.loads(bytes(answer.body))
    assert answer.media_type == "application/problem+json"
    assert answer.status_code == body["status"] == 409
    assert body["code"] == "ALREADY_ANSWERED"
    assert body["type"] == "urn:paceline:error:ALREADY_ANSWERED"
    assert body["actor"] == "ada"
    assert body["instance"] == "/api/v1/questions/q1/answer"
    assert body["request_id"] == "r1"


@pytest.mark.parametrize(("status", "header"), [(401, "Bearer"), (403, None)])
def test_only_a_401_names_the_scheme(status: int, header: str | None) -> None:
    assert problem(status, "X", "No.", path="/").headers.get("WWW-Authenticate") == header
