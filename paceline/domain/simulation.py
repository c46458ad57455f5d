"""One possible course of a plan: every story starts when what it needs is there, heaviest first.

This is the serial rule of a run, played through by events: when a story ends, its claim is released, those
who wait are served by remaining path and then by age, and stories that became ready ask in their order. A
story that lacks an agent or a file is parked at it and looked at again only when that is released, so a round
costs little more than its stories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from paceline.domain.network import Network
from paceline.domain.resources import PATIENCE

_Turn = tuple[float, int, int]
"""Negative weight, place in the order of asking, story: the smallest is served first."""
_NOBODY = -1


@dataclass(slots=True)
class Course:
    """When each story started and ended, in days, and by whose end it could start."""

    start: list[float]
    end: list[float]
    cause: list[int]
    """The story whose end let it start; -1 at the beginning."""
    sprint_ends: list[float]

    def chain(self) -> list[int]:
        """The stories that decided the end, last one first: each could start because the next one ended."""
        found: list[int] = []
        story = max(range(len(self.end)), key=lambda each: self.end[each], default=_NOBODY)
        while story != _NOBODY:
            found.append(story)
            story = self.cause[story]
        return found


def simulate(net: Network, durations: Sequence[float], running: Mapping[int, float] | None = None) -> Course:
    """Play a plan through.

    Args:
        net: the plan.
        durations: of every story, in days; of those that run already what is left.
        running: the stories that run already, in any order; they hold their claims from the beginning.

    Returns:
        The course, from day 0.
    """
    count = len(net.stories)
    course = Course([0.0] * count, [0.0] * count, [_NOBODY] * count, [])
    now, last = 0.0, _NOBODY
    for stories in net.sprints:
        play = _Sprint(net, durations, course, now, last)
        now, last = play.run(stories, running or {})
        course.sprint_ends.append(now)
    return course


class _Sprint:
    """Who holds and who waits, in one sprint."""

    def __init__(
        self, net: Network, durations: Sequence[float], course: Course, now: float, cause: int
    ) -> None:
        self._net, self._durations, self._course = net, durations, course
        self._now, self._cause = now, cause
        self._slots = net.limits.max_parallel
        self._agent_used = [0] * len(net.capacity)
        self._locked = [0] * len(net.conflicts)
        self._file_holders = 0
        self._whole_held = False
        self._passed = 0
        self._asked = 0
        self._waiting = 0
        # Those who may have what they need, apart by what could forbid it to all of them at once.
        self._plain: list[_Turn] = []
        self._files: list[_Turn] = []
        self._whole: list[_Turn] = []
        self._parked: dict[int, list[_Turn]] = {}
        self._woken: dict[int, int] = {}
        self._going: list[tuple[float, int]] = []

    def run(self, stories: Sequence[int], running: Mapping[int, float]) -> tuple[float, int]:
        """Do all stories of the sprint; returns when the last one ended, and which."""
        net = self._net
        missing = {story: net.waits[story] for story in stories}
        batch = net.limits.mode == "batch"
        for story in stories:
            if story in running:
                self._grant(story)
        ready = [story for story in stories if missing[story] == 0 and story not in running]
        self._ask(ready)
        later: list[int] = []
        while self._going:
            self._now, self._cause = heappop(self._going)
            self._release(self._cause)
            ready: list[int] = []
            for story in net.after[self._cause]:
                missing[story] -= 1
                if missing[story] == 0 and story not in running:
                    ready.append(story)
            if batch:
                later += ready
                ready = [] if self._going or self._waiting else later
                later = later if not ready else []
            self._ask(ready)
        return self._now, self._cause

    def _ask(self, ready: list[int]) -> None:
        """New claims, one after the other: each takes what is free, whoever comes after it."""
        ready.sort(key=self._net.turn.__getitem__)
        for story in ready:
            self._asked += 1
            self._waiting += 1
            turn = (-self._net.weight[story], self._asked, story)
            if self._net.free[story]:
                self._waiting -= 1
                self._grant(story)
            else:
                heappush(self._heap(story), turn)
                self._serve()

    def _heap(self, story: int) -> list[_Turn]:
        if self._net.whole[story]:
            return self._whole
        return self._files if self._net.patterns[story] else self._plain

    def _serve(self) -> None:
        """Grant all that can be granted now."""
        while self._slots > 0:
            heap = self._next()
            if heap is None:
                return
            turn = heappop(heap)
            story = turn[2]
            lacking = self._lacking(story)
            woken_by = self._woken.pop(story, None)
            if lacking is None:
                if self._whole and heap is self._files and self._whole[0][1] < turn[1]:
                    self._passed += 1
                self._waiting -= 1
                self._grant(story)
            else:
                heappush(self._parked.setdefault(lacking, []), turn)
            if woken_by is not None and self._available(woken_by):
                self._wake(woken_by)

    def _next(self) -> list[_Turn] | None:
        """The heap with the one whose turn it is, of those that are not shut out as a whole."""
        best = self._plain or None
        if not self._whole_held:
            barrier = bool(self._whole) and self._passed >= PATIENCE
            if self._files and not barrier and (best is None or self._files[0] < best[0]):
                best = self._files
            if self._whole and not self._file_holders and (best is None or self._whole[0] < best[0]):
                best = self._whole
        return best

    def _lacking(self, story: int) -> int | None:
        """The first thing that is taken: an agent's number, or a pattern's after the agents."""
        net = self._net
        for agent in net.agents[story]:
            if self._agent_used[agent] >= net.capacity[agent]:
                return agent
        for pattern in net.patterns[story]:
            if self._locked[pattern]:
                return len(net.capacity) + pattern
        return None

    def _available(self, resource: int) -> bool:
        agents = len(self._net.capacity)
        if resource < agents:
            return self._agent_used[resource] < self._net.capacity[resource]
        return self._locked[resource - agents] == 0

    def _grant(self, story: int) -> None:
        net, course = self._net, self._course
        course.start[story], course.cause[story] = self._now, self._cause
        course.end[story] = self._now + self._durations[story]
        heappush(self._going, (course.end[story], story))
        if net.free[story]:
            return
        self._slots -= 1
        for agent in net.agents[story]:
            self._agent_used[agent] += 1
        if net.whole[story]:
            self._whole_held, self._passed = True, 0
        elif net.patterns[story]:
            self._file_holders += 1
            for pattern in net.patterns[story]:
                for other in net.conflicts[pattern]:
                    self._locked[other] += 1

    def _release(self, story: int) -> None:
        net = self._net
        if net.free[story]:
            return
        self._slots += 1
        for agent in net.agents[story]:
            self._agent_used[agent] -= 1
            self._wake(agent)
        if net.whole[story]:
            self._whole_held = False
        elif net.patterns[story]:
            self._file_holders -= 1
            for pattern in net.patterns[story]:
                for other in net.conflicts[pattern]:
                    self._locked[other] -= 1
                    if self._locked[other] == 0:
                        self._wake(len(net.capacity) + other)
        self._serve()

    def _wake(self, resource: int) -> None:
        """Let the first of those parked at a resource try again; if it does not take it, the next one may."""
        parked = self._parked.get(resource)
        if parked:
            turn = heappop(parked)
            self._woken[turn[2]] = resource
            heappush(self._heap(turn[2]), turn)
