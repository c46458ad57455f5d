"""Python's cyclic garbage collector, left out where it only costs time."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Generator[None]:
    """Do not look for cycles meanwhile: for work that makes very many objects which all stay.

    The collector would walk all of them again and again and find nothing: of a plan of ten thousand stories
    that took a third of the processor time. Memory that no cycle holds is freed as always. Also a decorator.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
