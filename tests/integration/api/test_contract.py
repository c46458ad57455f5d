"""The description of the API: complete, whole, and with examples that the application answers as they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, cast
from urllib.parse import quote

import jsonschema_rs
import pytest
from fastapi import FastAPI
from pydantic import Field
from temporalio.client import Client

from api import amendments, answers, steering
from api.contract import gaps, operations, refusal
from api.contract_rows import OWN, PARAMETERS
from api.endpoints import ACCESS
from api.errors import STATUS_OF_CODE
from api.examples import examples, exemplified
from api.main import create_app
from paceline.settings import Settings
from paceline.store.database import Database
from tests.integration.api.allotment import Calls, calling
from tests.integration.api.declared import Json, document_of, resolve, undeclared
from tests.integration.api.seeded import Seeds, seed

REQUESTS = [(name, key) for name in exemplified() for key in examples(name).requests]
REPLIES = [(name, status) for name in exemplified() for status in examples(name).replies]


@pytest.fixture
def document(app: FastAPI) -> Json:
    """What the application says of itself."""
    return document_of(app)


def by_id(document: Json, name: str) -> tuple[str, str, Json]:
    """Method, template and description of an operation."""
    (found,) = [each for each in operations(document) if each[2]["operationId"] == name]
    return found


def references(found: Any) -> Iterator[str]:
    """Every reference of a document."""
    if isinstance(found, dict):
        for key, value in cast(Json, found).items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from references(value)
    elif isinstance(found, list):
        for each in cast(list[Any], found):
            yield from references(each)


def test_every_operation_says_all_that_it_can_answer(document: Json) -> None:
    assert gaps(document) == []


def test_a_new_endpoint_without_declarations_is_told_what_it_lacks(app: FastAPI) -> None:
    async def plant_tree(tree: str, body: Annotated[dict[str, int], Field()]) -> None: ...

    app.add_api_route("/api/v1/trees/{tree}", plant_tree, methods=["POST"], operation_id="plant_tree")
    said = gaps(document_of(app))
    what = "POST /api/v1/trees/{tree}"
    assert said == [
        f"{what} needs a row in api/endpoints.py::ACCESS: who may call it.",
        f"{what} (plant_tree) changes something: say in api/contract_rows.py::OWN which refusals it knows, "
        "or () for none.",
        f"{what} (plant_tree) needs a docstring: it is its description.",
        f"{what} (plant_tree) needs one tag that api/contract_rows.py::TAGS describes, not [].",
        f"{what} (plant_tree) takes a body: give an example of it in api/examples.json.",
        f"{what} (plant_tree): say in api/contract_rows.py::PARAMETERS what 'tree' is.",
    ]


def test_every_reference_points_to_something(document: Json) -> None:
    for reference in set(references(document)):
        assert resolve(document, {"$ref": reference}), reference


def test_every_operation_may_be_refused_by_the_guard_as_a_problem(document: Json) -> None:
    for _, _, operation in operations(document):
        for status in ("401", "403", "408", "413", "429", "500", "503"):
            found = resolve(document, operation["responses"][status])
            assert "application/problem+json" in found["content"], (operation["operationId"], status)
        assert "Retry-After" in resolve(document, operation["responses"]["429"])["headers"]
        assert operation["x-paceline-role"] in operation["description"]


def test_codes_stand_under_their_own_status(document: Json) -> None:
    for codes in OWN.values():
        for code in codes:
            assert 400 <= STATUS_OF_CODE[code] <= 507
    conflict = refusal(["CONFLICT", "PLAN_CHANGED"])
    schema = conflict["content"]["application/problem+json"]["schema"]
    assert schema["properties"] == {"code": {"enum": ["CONFLICT", "PLAN_CHANGED"]}, "status": {"const": 409}}


def test_no_row_is_of_what_there_is_not(document: Json) -> None:
    names = {operation["operationId"] for _, _, operation in operations(document)}
    assert set(exemplified()) <= names
    in_paths = {word for _, template in ACCESS for word in PARAMETERS if f"{{{word}}}" in template}
    assert in_paths == set(PARAMETERS)


@pytest.mark.parametrize(("name", "status"), REPLIES)
def test_each_reply_fits_its_schema(document: Json, name: str, status: str) -> None:
    _, _, operation = by_id(document, name)
    schema = resolve(document, operation["responses"][status])["content"]["application/json"]["schema"]
    found = examples(name).replies[status]
    whole = {**schema, "components": document["components"]}
    jsonschema_rs.validator_for(whole).validate(found)


@pytest.fixture
async def seeds(database: Database, settings: Settings, no_temporal: Client) -> Seeds:
    """The run that the examples speak of."""
    return await seed(database, settings, no_temporal)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker runs here, and nobody waits for one."""
    for module in (answers, steering, amendments):
        monkeypatch.setattr(module, "UPDATE_SECONDS", 0.3)
    for module in (answers, steering):
        monkeypatch.setattr(module, "EARLY_DELAYS", (None,))


@pytest.mark.temporal
@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(("name", "key"), REQUESTS)
async def test_each_request_is_answered_as_it_says(
    database: Database, temporal: Client, settings: Settings, seeds: Seeds, name: str, key: str
) -> None:
    app = create_app(database, temporal, settings)
    document = document_of(app)
    method, template, _ = by_id(document, name)
    sent = examples(name).requests[key]
    path = template
    for word, value in {**seeds.paths, "project_id": "peas", **examples(name).path}.items():
        path = path.replace(f"{{{word}}}", quote(value, safe=""))
    async with calling(app) as calls:
        reply = await calls.request(method, path, json=sent.value)
    assert reply.status_code == sent.status, reply.text
    assert method == reply.request.method


async def test_replies_of_other_tests_are_held_to_the_description_too(api: Calls, document: Json) -> None:
    path = "/api/v1/projects/x"
    problem = "application/problem+json"
    declared: list[tuple[int, str, Json, str | None]] = [
        (404, problem, {"code": "NOT_FOUND"}, None),
        (404, problem, {"code": "PLAN_CHANGED"}, "PLAN_CHANGED"),
        (418, problem, {"code": "TEAPOT"}, "418"),
        (200, "text/csv", {}, "text/csv"),
        (200, "application/json", {}, None),
    ]
    for status, kind, body, wrong in declared:
        said = undeclared(document, "GET", path, status, kind, body)
        assert (said is None) == (wrong is None)
        assert (wrong or "") in (said or "")
    assert (await api.get(path)).status_code == 404
