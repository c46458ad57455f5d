"""Ports of the embedded Temporal server."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

from paceline.errors import ConfigurationError, PortBusy
from paceline.settings import Settings

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """Where the server listens, on loopback; 0 is not chosen yet."""

    frontend: int
    ui: int


def choose_ports(settings: Settings, earlier: Ports) -> Ports:
    """The ports to use: those of the settings, else the earlier ones of this server, else free ones."""
    frontend = settings.temporal_port or earlier.frontend or free_port()
    ui = settings.temporal_ui_port or earlier.ui or free_port()
    if frontend == ui:
        raise ConfigurationError(
            f"PACELINE_TEMPORAL_PORT and PACELINE_TEMPORAL_UI_PORT are both {ui}; set one to another port."
        )
    _require_free(frontend, "PACELINE_TEMPORAL_PORT")
    _require_free(ui, "PACELINE_TEMPORAL_UI_PORT")
    return Ports(frontend, ui)


def free_port() -> int:
    """A port of loopback that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _require_free(port: int, setting: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise PortBusy(
                f"port {port}, which the embedded Temporal server needs, is taken by another program; stop "
                f"that, set {setting} to another port (0 picks a free one), or, to use a server that runs "
                "there, set PACELINE_TEMPORAL_ADDRESS.",
                port=port,
            ) from error
