"""Schemathesis over the whole description of an application, and what it found in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import schemathesis
from fastapi import FastAPI
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from api.contract import operations
from api.endpoints import PREFIX
from tests.integration.api.holders import OWN

CHECKS = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
)
ENDLESS = ("stream_events",)
_WITH_TOKEN = {"Authorization": f"Bearer {OWN}"}


@dataclass
class Found:
    """What came of it."""

    statuses: Counter[int] = field(default_factory=Counter[int])
    """How often each status was answered."""
    operations: set[str] = field(default_factory=set[str])
    """Those that were asked, as `GET /path`."""
    wrong: dict[str, str] = field(default_factory=dict[str, str])
    """Each kind of failure once, with how to repeat it."""


def fuzz(app: FastAPI, phases: Mapping[str, int], fixed: Mapping[str, str] | None = None) -> Found:
    """Send an application what its description allows, and what it does not; the same on every day.

    Args:
        app: needs the token `OWN`.
        phases: of `examples`, `coverage` and `fuzzing`; the number is the most requests for an operation that
            are made up.
        fixed: values for names in paths, so that bodies meet what there is; None: any.
    """
    config = schemathesis.Config.from_dict(  # pyright: ignore[reportUnknownMemberType] - theirs says dict
        {
            "seed": 1,
            "headers": _WITH_TOKEN,
            "generation": {
                "max-examples": max(phases.values()),
                "deterministic": True,
                "database": "none",
                "no-shrink": True,
            },
            "phases": {
                **{name: {"enabled": name in phases} for name in ("examples", "coverage", "fuzzing")},
                "stateful": {"enabled": False},
            },
            "checks": {
                "enabled": False,
                **{name: {"enabled": True} for name in CHECKS},
                # Made-up queries such as `story[a]=1` have names that nobody asks for, which is no fault.
                "negative_data_rejection": {"enabled": "fuzzing" not in phases},
                # 503: no Temporal is there.
                "not_a_server_error": {"enabled": True, "expected-statuses": ["2xx", "3xx", "4xx", "503"]},
            },
            "parameters": {f"path.{name}": value for name, value in (fixed or {}).items()},
            "continue-on-failure": True,
        }
    )
    _simplify(app)
    place = f"{PREFIX}/openapi.json"
    schema = schemathesis.openapi.from_asgi(place, app, config=config, headers=_WITH_TOKEN)
    found = Found()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _read(event.recorder, found)
        elif isinstance(event, events.NonFatalError):
            found.wrong.setdefault(f"{event.label}: {event.value!r}"[:300], "")
        elif isinstance(event, events.FatalError):
            raise event.exception
    return found


def _simplify(app: FastAPI) -> None:
    """Leave out what never ends, and keys, of which the first would answer for all that come after it."""
    document = app.openapi()
    for method, template, operation in list(operations(document)):
        if operation["operationId"] in ENDLESS:
            del document["paths"][template][method.lower()]
        kept = [each for each in operation.get("parameters", ()) if each["name"] != "Idempotency-Key"]
        operation["parameters"] = kept


def _read(recorder: ScenarioRecorder, found: Found) -> None:
    if recorder.interactions:
        found.operations.add(recorder.label)
    for interaction in recorder.interactions.values():
        if interaction.response is not None:
            found.statuses[interaction.response.status_code] += 1
    for said, how in _failures(recorder):
        found.wrong.setdefault(said, how)


def _failures(recorder: ScenarioRecorder) -> Iterator[tuple[str, str]]:
    for checks in recorder.checks.values():
        for check in checks:
            info = check.failure_info
            if info is not None:
                yield (
                    f"{recorder.label}: {info.failure.title}: {info.failure.message}"[:500],
                    info.code_sample[:2000],
                )
