"""What a process counts of itself, for Prometheus. Labels are bounded: routes, names in the code, states.

What the database knows is not counted here but read at each scrape (`paceline.observe.figures`).
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry()
"""Of this process; an all-in-one's API and worker share it."""
ProcessCollector(registry=REGISTRY)
# Nobody asks when a counter began, and it doubles what is scraped.
disable_created_metrics()

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LONG = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 14_400.0)

REQUESTS = Counter(
    "paceline_http_requests",
    "Requests that were answered, by route template, method and status.",
    ("method", "route", "status"),
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "paceline_http_request_seconds",
    "From a request's arrival until its answer begins.",
    ("method", "route"),
    buckets=_FAST,
    registry=REGISTRY,
)
REQUESTS_UNDER_WAY = Gauge(
    "paceline_http_requests_under_way", "Requests whose answer has not ended.", registry=REGISTRY
)
STREAMS_OPEN = Gauge(
    "paceline_event_streams_open", "Clients that listen to events now.", ("kind",), registry=REGISTRY
)
STREAMS_DROPPED = Counter(
    "paceline_event_streams_dropped",
    "Clients that were let go because they did not take their events in time.",
    registry=REGISTRY,
)
STREAMS_REFUSED = Counter(
    "paceline_event_streams_refused",
    "WebSockets that were refused because their address opens them too often or has too many open.",
    ("reason",),
    registry=REGISTRY,
)
STREAM_LAG = Histogram(
    "paceline_event_stream_lag_seconds",
    "From an event's time until this process had read it for those who listen.",
    buckets=_FAST,
    registry=REGISTRY,
)
ACTIVITIES = Counter(
    "paceline_activities",
    "Tries of activities that ended, by name and outcome: completed, failed or cancelled.",
    ("activity", "outcome"),
    registry=REGISTRY,
)
ACTIVITY_FAILURES = Counter(
    "paceline_activity_failures",
    "Tries that failed, by the stable code of the reason.",
    ("activity", "code"),
    registry=REGISTRY,
)
ACTIVITY_SECONDS = Histogram(
    "paceline_activity_seconds",
    "How long a try of an activity took.",
    ("activity",),
    buckets=_LONG,
    registry=REGISTRY,
)
ACTIVITIES_RUNNING = Gauge(
    "paceline_activities_running", "Activities that run now.", ("activity",), registry=REGISTRY
)
ACTIVITY_SLOTS = Gauge(
    "paceline_activity_slots",
    "The most activities that a task queue's worker runs at once.",
    ("queue",),
    registry=REGISTRY,
)
SWEEP_SUCCESS = Gauge(
    "paceline_sweep_last_success_timestamp_seconds",
    "When each of the worker's periodic tasks last ended well, in seconds since 1970.",
    ("sweep",),
    registry=REGISTRY,
)
SWEEP_FAILURES = Counter(
    "paceline_sweep_failures", "Periodic tasks that failed and try again.", ("sweep",), registry=REGISTRY
)

for _kind in ("websocket", "sse"):
    STREAMS_OPEN.labels(_kind)


def expect_sweeps(*sweeps: str) -> None:
    """Count from now on how long these periodic tasks have not ended well."""
    for sweep in sweeps:
        SWEEP_SUCCESS.labels(sweep).set(time.time())
        SWEEP_FAILURES.labels(sweep)


@contextmanager
def sweeping(sweep: str) -> Generator[None]:
    """Around one round of a periodic task: note when it ended well, and count when it did not.

    Args:
        sweep: a name in the code.
    """
    try:
        yield
    except Exception:
        SWEEP_FAILURES.labels(sweep).inc()
        raise
    SWEEP_SUCCESS.labels(sweep).set(time.time())
