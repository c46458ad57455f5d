"""Becomes another program that the kernel stops when its parent dies: `... PARENT_PID PROGRAM ARGUMENTS`.

A file to run by its path. It stands between fork and the program because Python code between fork and exec
can deadlock in a process with threads. Where the kernel has no such signal (not Linux), it only becomes the
program.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            raise SystemExit(1)
    os.execv(program[0], program)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
