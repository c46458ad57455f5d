"""The socket that the API listens on."""

from __future__ import annotations

import socket

from paceline.settings import Settings
from workers.api_server import bind


def test_an_answer_in_two_parts_does_not_wait_for_an_acknowledgement(settings: Settings) -> None:
    with bind(settings) as listener, socket.create_connection(listener.getsockname()[:2]):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
