"""What a process that Paceline starts may see of the environment: an allow-list."""

from __future__ import annotations

import os
from collections.abc import Iterable

BASIC = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "LANG",
        "LANGUAGE",
        "TERM",
        "TZ",
        "TMPDIR",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_CACHE_HOME",
        "XDG_STATE_HOME",
        "XDG_RUNTIME_DIR",
    }
)


def allowed_environment(declared: Iterable[str] = ()) -> dict[str, str]:
    """The basic variables, the locale's, and those that are declared by name, as far as they are set."""
    names = BASIC | set(declared)
    return {name: value for name, value in os.environ.items() if name in names or name.startswith("LC_")}
