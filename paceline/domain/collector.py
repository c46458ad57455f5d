"""Python's cyclic garbage collector, left out where it only costs time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Do not look for cycles meanwhile: for work that makes very many objects which all stay.

    The collector would walk all of them again and again and find nothing; of a plan of ten thousand stories
    this took a third of the time. Also a decorator. Memory that no cycle holds is freed as always.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
