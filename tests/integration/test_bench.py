"""The benchmark measures both systems on the same graph and prints ratios beside the raw numbers."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from paceline.cli.bench_commands import app
from workers.benchmarks import graphs, overhead
from workers.temporal_binary import Binary

pytestmark = pytest.mark.temporal

DIAMOND = [[], [0], [0], [1, 2]]


def one_diamond(work_seconds: float) -> list[overhead.Workload]:
    """In place of the large workloads."""
    return [overhead.Workload("diamond", DIAMOND, work_seconds)]


def test_what_is_measured_are_the_graphs_that_were_promised() -> None:
    independent, graph, worked = overhead.workloads(0.5)
    assert [len(each.graph) for each in (independent, graph, worked)] == [200, 200, 200]
    assert sum(len(each) for each in independent.graph) == 0
    assert graph.graph == worked.graph
    assert graphs.longest_path(graph.graph) == 17
    assert (independent.seconds, graph.seconds, worked.seconds) == (0.0, 0.0, 0.5)
    assert worked.lower_bound == 8.5


def test_overhead_is_printed_as_ratios_beside_raw_numbers(
    temporal_binary: Binary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACELINE_TEMPORAL_BINARY", str(temporal_binary.path))
    monkeypatch.setattr(overhead, "workloads", one_diamond)
    done = CliRunner().invoke(app, ["overhead", "--rounds", "2", "--work", "0.05", "--json"])
    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.stdout)
    assert (found["stories"], found["edges"], found["longest_path"]) == (4, 4, 3)
    assert len(found["bare_seconds"]) == len(found["paceline_seconds"]) == 2
    assert min(found["bare_seconds"] + found["paceline_seconds"]) >= found["lower_bound"]
    medians = found["bare_median_seconds"] / found["paceline_median_seconds"]
    assert found["throughput_over_bare"] == pytest.approx(medians)
    over_bound = found["paceline_median_seconds"] / found["lower_bound"]
    assert found["paceline_makespan_over_lower_bound"] == pytest.approx(over_bound)
