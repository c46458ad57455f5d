"""Lengths of time as people write them in settings: `90`, `30s`, `5m`, `1h`, `2d`."""

from __future__ import annotations

import re

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])?")


def seconds_of(written: str) -> float:
    """The seconds of a written length; without a unit it is of seconds.

    Raises:
        ValueError: it is none, and the message says how to write one.
    """
    found = _LENGTH.fullmatch(written.strip().lower())
    if found is None:
        raise ValueError("write a number of seconds, or one with its unit: 2s, 5m, 1h, 1d")
    return float(found[1]) * _UNITS[found[2] or "s"]
