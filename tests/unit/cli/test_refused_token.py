"""A command whose token the API refuses says which variable it sends."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading


class Refusing(http.server.BaseHTTPRequestHandler):
    """Refuses every request as the API does without a good token."""

    def do_GET(self) -> None:
        document = {
            "status": 401,
            "code": "UNAUTHORIZED",
            "detail": "The request needs a token that is good.",
        }
        self.send_response(401)
        self.send_header("Content-Type", "application/problem+json")
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


def test_the_variable_is_named() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = subprocess.run(
            [sys.executable, "-m", "paceline.cli.main", "status"],
            env={**os.environ, "PACELINE_API_URL": f"http://127.0.0.1:{server.server_address[1]}"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        server.shutdown()
    assert done.returncode == 1
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first == "The request needs a token that is good."
    assert second.startswith("PACELINE_API_TOKEN is what is sent; `paceline token create`")
