"""Which WebSockets are let in: decided at the handshake, before the application does anything for one."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address

from api.limits import Buckets
from paceline.errors import RateLimited
from paceline.observe.metrics import STREAMS_REFUSED

FULL_SECONDS = 5
"""After which somebody asks again whose address has too many sockets open."""


class Admission:
    """Counts the sockets of each address.

    Args:
        per_second: opens of one address a second, in the long run; 0: not limited.
        burst: opens of one address at once.
        most: open ones of one address; 0: not limited.
    """

    def __init__(self, per_second: float, burst: int, most: int) -> None:
        self._opens = Buckets(per_second, burst)
        self._most = most
        self._open: Counter[str] = Counter()

    def enter(self, address: str) -> None:
        """Let one in; `leave` when it has gone.

        Raises:
            RateLimited: the address opens them too often, or has too many.
        """
        if self._most and self._open[address] >= self._most:
            STREAMS_REFUSED.labels("open").inc()
            raise RateLimited(
                f"This address has {self._most} event streams open; close one.", retry_after=FULL_SECONDS
            )
        try:
            self._opens.take(address)
        except RateLimited:
            STREAMS_REFUSED.labels("rate").inc()
            raise
        self._open[address] += 1

    def leave(self, address: str) -> None:
        """One that was let in has gone."""
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]


def address_of(peer: str, forwarded: str | None) -> str:
    """Whose connection it is.

    Args:
        peer: the address that it comes from.
        forwarded: its `X-Forwarded-For`, which counts where a proxy of this machine sends it.
    """
    last = (forwarded or "").rpartition(",")[2].strip()
    if not last:
        return peer
    try:
        return str(ip_address(last)) if ip_address(peer).is_loopback else peer
    except ValueError:
        return peer
