"""The benchmark of events, short: through all that it does, no client loses an event or gets one twice."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from paceline.cli.bench_commands import app


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_nothing_is_lost_or_doubled(kind: str, request: pytest.FixtureRequest) -> None:
    where = ["--database-url", request.getfixturevalue("postgres_url")] if kind == "postgres" else []
    short = ["--clients", "10", "--rate", "50", "--seconds", "5", "--json"]
    done = CliRunner().invoke(app, ["events", *short, *where])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["lost"], found["doubled"]) == (0, 0)
    assert found["received"] == 10 * found["events"] > 0
    # Everybody came back after the restart at least.
    assert found["reconnects"] >= 10
    assert found["hostile_connects"] > 0
    assert {"steady", "restart", "disturbed"} >= found["latency"].keys() >= {"restart"}
    for each in found["latency"].values():
        assert each["p50"] <= each["p95"] <= each["p99"] <= each["max"]
