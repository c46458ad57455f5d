"""What one run of `paceline bench events` came to, from what its processes noted."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

STEPS = (50, 95, 99)

Distribution = dict[str, float]


class Span(NamedTuple):
    """A time of the run, in seconds of the clock that all processes share."""

    part: str
    """`steady`, `disturbed` or `restart`."""
    begin: float
    end: float


class Taken(NamedTuple):
    """What one client got."""

    numbers: Sequence[int]
    times: Sequence[float]


@dataclass
class Streamed:
    """What one run came to. Latencies are milliseconds from commit to client."""

    database: str
    clients: int
    rate: float
    seconds: float
    events: int = 0
    received: int = 0
    lost: int = 0
    doubled: int = 0
    reconnects: int = 0
    hostile_connects: int = 0
    refused_connects: int = 0
    idle_cpu_percent: float | None = None
    """Of the API while all clients listened and nothing happened."""
    api_cpu_percent: dict[str, float] = field(default_factory=dict[str, float])
    """Of the API by part; of one core."""
    client_cpu_percent: list[float] = field(default_factory=list[float])
    """Of each process of clients."""
    load_average: float | None = None
    """Of the machine in the end, over a minute."""
    latency: dict[str, Distribution] = field(default_factory=dict[str, Distribution])
    rounds: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    """99th percentiles by part of each round."""
    down_seconds: float = 0.0
    """From the kill of the API until a new one listens."""
    caught_up: Distribution = field(default_factory=Distribution)
    """Milliseconds from then until each client has what was committed by then."""

    @property
    def disturbed_ratio(self) -> float | None:
        """99th percentile with slow and hostile clients over that without: the median of the rounds."""
        found = [each["disturbed"] / each["steady"] for each in self.rounds if len(each) == 2]
        return median(found) if found else None

    def count(self, commits: Mapping[int, float], spans: Sequence[Span], taken: Iterable[Taken]) -> None:
        """Sort latencies into parts and rounds."""
        by_span: list[list[float]] = [[] for _ in spans]
        restart = next(place for place, span in enumerate(spans) if span.part == "restart")
        begins = [span.begin for span in spans]
        for client in taken:
            self.received += len(client.numbers)
            for number, moment in zip(client.numbers, client.times, strict=True):
                committed = commits[number]
                place = bisect_left(begins, committed) - 1
                # What the killed API had not sent yet waited for the new one.
                if moment >= spans[restart].begin > committed:
                    place = restart
                if place >= 0 and committed < spans[place].end:
                    by_span[place].append(1000 * (moment - committed))
        for part in dict.fromkeys(span.part for span in spans):
            every = [
                each
                for span, found in zip(spans, by_span, strict=True)
                if span.part == part
                for each in found
            ]
            if every:
                self.latency[part] = distribution(every)
        pairs = list(pairwise(zip(spans, by_span, strict=True)))[::2]
        self.rounds = [
            {
                span.part: distribution(found)["p99"]
                for span, found in pair
                if found and span.part != "restart"
            }
            for pair in pairs
            if pair[0][0].part == "steady"
        ]


def read_taken(noted: Path, counts: Sequence[int]) -> Iterator[Taken]:
    """What the clients of one process noted."""
    with noted.open("rb") as notes:
        for count in counts:
            numbers, times = array("q"), array("d")
            numbers.fromfile(notes, count)
            times.fromfile(notes, count)
            yield Taken(numbers, times)


def caught_up(taken: Iterable[Taken], number: int, since: float) -> Distribution:
    """Milliseconds until each client had an event."""
    found: list[float] = []
    for client in taken:
        place = bisect_left(client.numbers, number)
        if place < len(client.times):
            found.append(max(0.0, 1000 * (client.times[place] - since)))
    return distribution(found)


def read_commits(noted: Path) -> dict[int, float]:
    """When each event was committed."""
    rows = (line.split() for line in noted.read_text().splitlines())
    return {int(row[0]): float(row[1]) for row in rows if len(row) == 2}


def distribution(found: list[float]) -> dict[str, Any]:
    """Percentiles by nearest rank, the largest, and how many."""
    found.sort()
    steps = {f"p{step}": found[math.ceil(len(found) * step / 100) - 1] for step in STEPS}
    return {**steps, "max": found[-1], "count": float(len(found))}
