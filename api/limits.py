"""How often one caller may ask: a token bucket each."""

from __future__ import annotations

import math
import time
from collections import OrderedDict

from paceline.errors import RateLimited

MOST_BUCKETS = 10_000
"""Callers that are remembered; who was silent for longest is forgotten, and may begin anew."""


class Buckets:
    """One bucket for each caller, full at first.

    Args:
        rate: requests that come back a second; 0: nothing is limited.
        burst: requests in a full bucket.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, now: float | None = None) -> None:
        """Take one request out of a caller's bucket.

        Args:
            caller: whose.
            now: seconds of a clock that never goes back; None: the machine's.

        Raises:
            RateLimited: there is none left.
        """
        if self._rate == 0:
            return
        moment = time.monotonic() if now is None else now
        left, since = self._buckets.pop(caller, (self._burst, moment))
        left = min(self._burst, left + (moment - since) * self._rate)
        self._buckets[caller] = (left - 1 if left >= 1 else left, moment)
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        if left < 1:
            wait = max(1, math.ceil((1 - left) / self._rate))
            raise RateLimited(f"Too many requests; go on in {wait} s.", retry_after=wait)
