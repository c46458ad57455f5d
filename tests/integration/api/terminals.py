"""Commands at a pseudo-terminal, with a person at its other end."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

from tests.integration.api.command_line import PATIENCE, CommandLine


class Terminal:
    """The other end of a command's terminal."""

    def __init__(self, command: list[str], variables: dict[str, str], output: int | None = None) -> None:
        """Start a command at a terminal; `output` is another place for its standard output."""
        self._end, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
        self.process = subprocess.Popen(
            command,
            env={"TERM": "xterm-256color", **variables},
            stdin=theirs,
            stdout=theirs if output is None else output,
            stderr=theirs,
            start_new_session=True,
            # Tests that a shell started in the background ignore Ctrl-C, and so would all that they start.
            preexec_fn=_hear_ctrl_c,
        )
        os.close(theirs)
        self.screen = ""

    @classmethod
    def of(cls, paceline: CommandLine, *arguments: str, **variables: str) -> Terminal:
        """Start a command of the command line."""
        given = {**paceline.variables, "TERM": "xterm-256color", **variables}
        return cls(paceline.command(*arguments), given)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def interrupt(self) -> int:
        """Press Ctrl-C; returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.read_to_the_end()

    def read_until(self, text: str) -> None:
        """Read until a text came that was not read before."""
        seen, deadline = len(self.screen), time.monotonic() + PATIENCE
        while text not in self.screen[seen:]:
            assert time.monotonic() < deadline, self.screen
            assert self._read(), f"the command ended before {text!r}: {self.screen}"

    def read_to_the_end(self) -> int:
        """Read everything that is left; returns the exit status."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def type(self, text: str) -> None:
        """What a person types."""
        os.write(self._end, text.encode())

    def _read(self) -> bool:
        ready, _, _ = select.select([self._end], [], [], PATIENCE)
        try:
            chunk = os.read(self._end, 65_536) if ready else b""
        except OSError:  # Linux: nobody has the other end any more
            chunk = b""
        self.screen += chunk.decode(errors="replace")
        return bool(chunk)

    def close(self) -> None:
        """Let go, also of a command that still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._end)


def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
