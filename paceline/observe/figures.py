"""What the database and the disks say at the moment of a scrape, as metrics."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from paceline.domain.states import AgentState, StoryState
from paceline.settings import Settings
from paceline.store.figures import OTHERS, Figures


@dataclass(frozen=True)
class Services:
    """What the process that is asked depends on."""

    database: bool
    temporal: bool
    workers: int | None
    """Workers that ask Temporal for tasks of workflows; None where Temporal does not say."""


def exposition(*collectors: Collector) -> bytes:
    """Metrics of these collectors in Prometheus's text format."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry)


def _gauge(name: str, documentation: str, samples: Mapping[tuple[str, ...], float], *labels: str) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=labels)
    for values, number in samples.items():
        family.add_metric(values, number)
    return family


class DiskCollector(Collector):
    """Size and free room of the volumes with Paceline's folders."""

    def __init__(self, settings: Settings) -> None:
        self._folders = {
            "home": settings.home,
            "artifacts": settings.artifact_root,
            "worktrees": settings.worktree_root,
        }

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not look."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Look at the volumes now; folders that are not made yet are on the volume of their parent."""
        found = {name: shutil.disk_usage(_existing(folder)) for name, folder in self._folders.items()}
        size, free = "paceline_disk_size_bytes", "paceline_disk_free_bytes"
        yield _gauge(
            size, "Size of a folder's volume.", {(name,): use.total for name, use in found.items()}, "folder"
        )
        yield _gauge(
            free, "Free on a folder's volume.", {(name,): use.free for name, use in found.items()}, "folder"
        )


def _existing(folder: Path) -> Path:
    return next((each for each in (folder, *folder.parents) if each.exists()), Path("/"))


class ServiceCollector(Collector):
    """Whether database and Temporal answer, and whether anybody works."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is differs from scrape to scrape."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """What was found."""
        found = self._services
        yield _gauge("paceline_database_up", "1 where the database answers.", {(): float(found.database)})
        yield _gauge("paceline_temporal_up", "1 where Temporal answers.", {(): float(found.temporal)})
        if found.workers is not None:
            yield _gauge(
                "paceline_workers_polling",
                "Workers that asked for tasks of workflows in the last 90 seconds.",
                {(): found.workers},
            )


class FiguresCollector(Collector):
    """What the database knows."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is differs from scrape to scrape."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every figure as a metric."""
        found = self._figures
        yield _gauge("paceline_runs", "Runs by state.", _by_one(found.runs), "state")
        yield from self._of_stories()
        yield from self._of_agents()
        yield from self._of_questions()
        yield _gauge(
            "paceline_claims",
            "Claims that are held, or wait for their files.",
            _by_one(found.claims),
            "state",
        )
        yield _gauge(
            "paceline_claim_oldest_wait_seconds",
            "How long the longest waiting claim waits.",
            {(): found.oldest_wait},
        )
        yield _gauge("paceline_merge_line_waiting", "Stories in merge lines.", {(): found.merge_line})
        yield from self._of_events()
        yield _gauge(
            "paceline_notifications",
            "Messages to people outside: waiting to be sent, or given up.",
            _by_one(found.notifications),
            "state",
        )
        yield _gauge(
            "paceline_notification_oldest_seconds",
            "How long the longest waiting message waits.",
            {(): found.oldest_notification},
        )
        yield _gauge("paceline_database_bytes", "What the database takes.", {(): found.database_bytes})

    def _of_stories(self) -> Iterator[Metric]:
        projects = self._figures.projects
        states = [state.value for state in StoryState]
        counts = {
            (name, state): each.stories.get(state, 0) for name, each in projects.items() for state in states
        }
        yield _gauge("paceline_stories", "Stories of running projects.", counts, "project", "state")
        oldest = {(name, state): age for name, each in projects.items() for state, age in each.oldest.items()}
        yield _gauge(
            "paceline_story_oldest_seconds",
            "How long the longest in a state has been in it without a change.",
            oldest,
            "project",
            "state",
        )

    def _of_agents(self) -> Iterator[Metric]:
        projects = self._figures.projects
        states = [state.value for state in AgentState]
        counts = {
            (name, state): each.agents.get(state, 0) for name, each in projects.items() for state in states
        }
        yield _gauge("paceline_agents", "Agents of running projects.", counts, "project", "state")
        yield _gauge(
            "paceline_agent_heartbeat_age_seconds",
            "Since the last heartbeat of an agent at work.",
            {(project, agent[:100]): age for (project, agent), age in self._figures.heartbeats.items()},
            "project",
            "agent",
        )

    def _of_questions(self) -> Iterator[Metric]:
        projects = self._figures.projects.items()
        yield _gauge(
            "paceline_questions_open",
            "Questions that wait for a person.",
            {(name,): each.questions for name, each in projects},
            "project",
        )
        yield _gauge(
            "paceline_questions_overdue",
            "Those of them past their deadline.",
            {(name,): each.overdue for name, each in projects},
            "project",
        )
        yield _gauge(
            "paceline_question_oldest_seconds",
            "How long the longest open question waits.",
            {(name,): each.oldest_question for name, each in projects},
            "project",
        )

    def _of_events(self) -> Iterator[Metric]:
        total = CounterMetricFamily("paceline_events_appended", "Events that were ever appended.")
        total.add_metric((), self._figures.events)
        yield total
        projects = {name: each for name, each in self._figures.projects.items() if name != OTHERS}
        yield _gauge(
            "paceline_event_last_number",
            "Number of a project's newest event.",
            {(name,): each.last_event for name, each in projects.items()},
            "project",
        )
        yield _gauge(
            "paceline_project_quiet_seconds",
            "Since a running project's newest event.",
            {(name,): each.quiet for name, each in projects.items()},
            "project",
        )


def _by_one(samples: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    return {(name,): number for name, number in samples.items()}
