"""Story graphs to measure with: seeded, so that everyone measures the same one."""

from __future__ import annotations

import random

EPICS = 10
STORIES = 200
EDGES = 202
CRITICAL_PATH = 17
SEED = 7
STAY_IN_EPIC = 0.9
"""Chance that a story is put into the epic of its first dependency, while that has room."""


def independent(stories: int = STORIES) -> list[list[int]]:
    """No dependencies at all.

    Returns:
        For each story the indexes of the stories it depends on.
    """
    return [[] for _ in range(stories)]


def layered(
    stories: int = STORIES, edges: int = EDGES, longest: int = CRITICAL_PATH, seed: int = SEED
) -> list[list[int]]:
    """A graph of a given size and longest path, with at most two dependencies a story.

    Stories fall into as many layers as the longest path has; each depends on one story of the layer before
    it, and as many as the edge count asks for on a second one of an earlier layer.

    Args:
        stories: number of stories.
        edges: number of dependencies in all.
        longest: stories on the longest path.
        seed: the same seed gives the same graph.
    """
    rng = random.Random(seed)  # noqa: S311 - a reproducible graph, not a secret
    layer_of = sorted([*range(longest), *(rng.randrange(longest) for _ in range(stories - longest))])
    layers: list[list[int]] = [[] for _ in range(longest)]
    for story, layer in enumerate(layer_of):
        layers[layer].append(story)
    dependencies: list[list[int]] = [[] for _ in range(stories)]
    for story, layer in enumerate(layer_of):
        if layer:
            dependencies[story].append(rng.choice(layers[layer - 1]))
    missing = edges - sum(len(each) for each in dependencies)
    candidates = [story for story, layer in enumerate(layer_of) if layer > 1]
    for story in rng.sample(candidates, missing):
        earlier = [each for layer in layers[: layer_of[story]] for each in layer]
        dependencies[story].append(rng.choice([each for each in earlier if each not in dependencies[story]]))
    return dependencies


def epics_of(dependencies: list[list[int]], seed: int = SEED) -> list[int]:
    """The epic of each story: equally many in each, and most stories in that of their first dependency.

    Returns:
        For each story the index of its epic; about a third of the dependencies cross epics.
    """
    rng = random.Random(seed)  # noqa: S311 - a reproducible graph, not a secret
    room = [-(-len(dependencies) // EPICS)] * EPICS
    epics: list[int] = []
    for before in dependencies:
        wanted = epics[before[0]] if before and rng.random() < STAY_IN_EPIC else rng.randrange(EPICS)
        epic = wanted if room[wanted] else max(range(EPICS), key=lambda index: room[index])
        room[epic] -= 1
        epics.append(epic)
    return epics


def longest_path(dependencies: list[list[int]]) -> int:
    """Stories on the longest path."""
    depth: list[int] = []
    for each in dependencies:
        depth.append(1 + max((depth[index] for index in each), default=0))
    return max(depth, default=0)
