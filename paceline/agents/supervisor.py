"""Runs one command and outlives whoever started it: `python -I -S supervisor.py RUN_DIR`.

A program of its own with nothing but the standard library, so that it starts fast and needs no
installation. It is a process in its own session: `kill -9` of the worker does not touch it, and the worker's
successor finds the run by its folder. Files in RUN_DIR, all readable by their owner only:

    run.json         argv, cwd, stdin, limits; from the starter. The environment is inherited, never stored.
                     `confined` is the program itself where `argv` begins with what stands around it.
    lock             held by the one supervisor of this run while it lives.
    supervisor.json  pid and start time of the supervisor and of the command.
    lease            touched by whoever waits; untouched for `adoption_grace`, the command is stopped.
    cancel           stops the command as soon as it exists.
    stdout, stderr   the output, each with its middle left out beyond `output_limit` bytes.
    exit.json        the end: exit_code, reason, seconds, error. Written whole, once.

On Linux there are two processes: the supervisor and, above it, a guard that does nothing but wait. What an
agent started falls to the guard if the agent kills its supervisor, however it hid, and ends with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping

TICK = 0.1
PATIENCE_FOR_LOCK = 1.0
TAIL_BYTES = 1_000_000
PATIENCE_FOR_ENDS = 10.0
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def write_json(path: str, facts: Mapping[str, object]) -> None:
    """Write a file whole or not at all."""
    part = f"{path}.{os.getpid()}.part"
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(facts, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def start_time(pid: int) -> str | None:
    """When a process started, as text that no later process with its pid has; None where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return None if fields[0] in b"ZX" else f"ticks {fields[19].decode()}"
    except FileNotFoundError:
        if sys.platform == "linux":
            return None
    listed = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return None if not listed or listed.startswith("Z") else f"started {listed.partition(' ')[2].strip()}"


def parents() -> dict[int, int]:
    """Parent of every process, where the system has `/proc`; empty elsewhere."""
    found: dict[int, int] = {}
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                    state, parent = file.read().rpartition(b")")[2].split()[:2]
                    if state not in b"ZX":
                        found[int(name)] = int(parent)
    return found


def descendants(ancestor: int) -> list[int]:
    """Every living process below `ancestor`; with a subreaper that includes daemons that forked twice."""
    parent_of = parents()
    found: list[int] = []
    for pid in parent_of:
        line, above = {pid}, pid
        while above in parent_of and above != ancestor:
            above = parent_of[above]
            if above in line:
                break
            line.add(above)
        if above == ancestor and pid != ancestor:
            found.append(pid)
    return found


class Output:
    """One stream of the command: a file with its first bytes and, beyond the limit, its last ones."""

    def __init__(self, path: str, limit: int) -> None:
        self.file = open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb", buffering=0)  # noqa: SIM115 - closed by close()
        self.tail_limit = min(TAIL_BYTES, limit // 2)
        self.room = limit - self.tail_limit
        self.tail = bytearray()
        self.dropped = 0

    def take(self, data: bytes) -> None:
        """Write what there is room for and remember the rest's end."""
        head, rest = data[: self.room], data[self.room :]
        self.room -= len(head)
        self._write(head)
        self.tail += rest
        if (excess := len(self.tail) - self.tail_limit) > 0:
            self.dropped += excess
            del self.tail[:excess]

    def close(self) -> None:
        """Write the tail."""
        if self.dropped:
            self._write(b"\n[%d bytes left out here]\n" % self.dropped)
        self._write(bytes(self.tail))
        self.file.close()

    def _write(self, data: bytes) -> None:
        # A full disk must not stop the supervision.
        with contextlib.suppress(OSError):
            while data:
                data = data[self.file.write(data) :]


class Run:
    """One supervised command."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        with open(self.path("run.json")) as file:
            self.spec = json.load(file)
        self.began = time.monotonic()
        self.last_output = self.began
        self.lease_seen = (self.lease(), self.began)
        self.stop_asked = False
        self.exit_status: int | None = None
        self.pid = 0
        self.outputs: dict[int, Output] = {}

    def path(self, name: str) -> str:
        """A file of this run."""
        return os.path.join(self.folder, name)

    def lease(self) -> int:
        """The lease's last touch; 0 where there is none."""
        try:
            return os.stat(self.path("lease")).st_mtime_ns
        except OSError:
            return 0

    def start(self) -> None:
        """Start the command in a session and process group of its own."""
        if self.spec["confined"] is not None:
            require_program(self.spec["confined"], self.spec["cwd"])
        with open(self.spec["stdin"] or os.devnull, "rb") as stdin:
            process = subprocess.Popen(
                self.spec["argv"],
                cwd=self.spec["cwd"],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if self.spec["one_stream"] else subprocess.PIPE,
                start_new_session=True,
            )
        self.pid = process.pid
        limit = self.spec["output_limit"]
        for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
            if pipe is None:
                continue
            os.set_blocking(pipe.fileno(), False)
            self.outputs[os.dup(pipe.fileno())] = Output(self.path(name), limit)
            pipe.close()
        # This program reaps all children itself, those that were re-parented to it too.
        process.returncode = 0

    def watch(self, wake: int) -> str:
        """Wait for the end of the command or a reason to stop it."""
        while True:
            self.pump(wake, TICK)
            self.reap()
            if self.exit_status is not None:
                return "exited"
            if reason := self.reason_to_stop():
                return reason

    def reason_to_stop(self) -> str | None:
        """Why the command has to end now, if it has to."""
        now = time.monotonic()
        lease = self.lease()
        if lease != self.lease_seen[0]:
            # The clock of the lease may jump; only that it changed is used.
            self.lease_seen = (lease, now)
        idle = self.spec["idle_timeout"]
        reasons = {
            "cancelled": self.stop_asked or os.path.exists(self.path("cancel")),
            "timeout": now - self.began >= self.spec["timeout"],
            "idle": idle is not None and now - self.last_output >= idle,
            "orphaned": now - self.lease_seen[1] >= self.spec["adoption_grace"],
        }
        return next((reason for reason, holds in reasons.items() if holds), None)

    def pump(self, wake: int, seconds: float) -> None:
        """Copy output that is there, waiting for some at most this long."""
        ready, _, _ = select.select([wake, *self.outputs], [], [], seconds)
        for descriptor in ready:
            try:
                data = os.read(descriptor, 65536)
            except BlockingIOError:
                continue
            if descriptor == wake:
                continue
            if data:
                self.last_output = time.monotonic()
                self.outputs[descriptor].take(data)
            else:
                self.outputs.pop(descriptor).close()
                os.close(descriptor)

    def reap(self) -> None:
        """Collect ended children, own and inherited."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self.pid:
                    self.exit_status = os.waitstatus_to_exitcode(status)

    def survivors(self) -> bool:
        """Whether anything of the command still runs."""
        if descendants(os.getpid()):
            return True
        try:
            os.killpg(self.pid, 0)
        except OSError:
            return False
        return sys.platform != "linux"

    def signal_all(self, number: int) -> None:
        """Signal the command's group and every descendant outside of it."""
        # What stands around a confined command passes no signal on, and its end is a hard one for the
        # command: it ends by itself when the command has.
        spared = self.pid if self.spec["confined"] is not None and number == signal.SIGTERM else None
        if spared is None:
            with contextlib.suppress(OSError):
                os.killpg(self.pid, number)
        for pid in descendants(os.getpid()):
            if pid != spared:
                with contextlib.suppress(OSError):
                    os.kill(pid, number)

    def stop(self, wake: int, grace: float) -> None:
        """End everything of the command: politely, then for good."""
        self.reap()
        for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
            deadline = time.monotonic() + patience
            self.signal_all(number)
            while self.survivors() and time.monotonic() < deadline:
                self.pump(wake, 0.02)
                self.reap()
                if number == signal.SIGKILL:
                    self.signal_all(number)
        self.reap()

    def drain(self, wake: int) -> None:
        """Take what is left in the pipes."""
        deadline = time.monotonic() + 1.0
        while self.outputs and time.monotonic() < deadline:
            if not select.select(list(self.outputs), [], [], 0)[0]:
                break
            self.pump(wake, 0)
        for output in self.outputs.values():
            output.close()

    def finish(self, reason: str, error: str | None = None) -> None:
        """Write how it ended."""
        facts = {
            "exit_code": self.exit_status,
            "reason": reason,
            "seconds": round(time.monotonic() - self.began, 3),
            "error": error,
        }
        write_json(self.path("exit.json"), facts)


def main(folder: str) -> int:
    """Supervise the run in `folder`, unless another supervisor does or did."""
    os.umask(0o077)
    lock = take_lock(os.path.join(folder, "lock"))
    if lock is None or any(
        os.path.exists(os.path.join(folder, done)) for done in ("exit.json", "supervisor.json")
    ):
        return 0
    if sys.platform == "linux":
        stand_guard(folder)
    run = Run(folder)
    wake = listen(run)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # Without its guard nobody would see this process die; from then on the run is stopped.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    own = {"pid": os.getpid(), "start": start_time(os.getpid())}
    write_json(run.path("supervisor.json"), own)
    if run.reason_to_stop() == "cancelled":
        run.finish("cancelled")
        return 0
    try:
        run.start()
    except FileNotFoundError as problem:
        run.finish("start_failed", f"{problem.filename} is not found")
        return 0
    except (OSError, ValueError) as problem:
        run.finish("start_failed", str(problem))
        return 0
    write_json(run.path("supervisor.json"), own | {"command": run.pid, "command_start": start_time(run.pid)})
    reason = run.watch(wake)
    run.stop(wake, run.spec["grace"])
    run.drain(wake)
    run.finish(reason)
    return 0


def stand_guard(folder: str) -> None:
    """Fork; returns in the child, which goes on as the supervisor.

    The parent holds the run's lock with it, and ends whatever outlives it. A supervisor that was killed has a
    run that is lost; one that fell before it could say that it is there is started again.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    began = time.monotonic()
    supervisor = os.fork()
    if supervisor == 0:
        return
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    signal.signal(signal.SIGTERM, lambda number, _frame: os.kill(supervisor, number))
    while os.waitpid(-1, 0)[0] != supervisor:
        """It was an orphan."""
    end_descendants()
    if os.path.exists(os.path.join(folder, "supervisor.json")):
        end = os.path.join(folder, "exit.json")
        if not os.path.exists(end):
            seconds = round(time.monotonic() - began, 3)
            error = "the supervisor was killed"
            write_json(end, {"exit_code": None, "reason": "lost", "seconds": seconds, "error": error})
    os._exit(0)


def end_descendants() -> None:
    """Kill everything below this process, and whatever it starts meanwhile."""
    deadline = time.monotonic() + PATIENCE_FOR_ENDS
    while (left := descendants(os.getpid())) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                """Collected."""
        time.sleep(0.005)


def require_program(name: str, cwd: str) -> None:
    """See that a program is there, as the system would when it starts it.

    Raises:
        FileNotFoundError: it is not.
    """
    folders = [cwd] if "/" in name else os.environ.get("PATH", os.defpath).split(os.pathsep)
    if not any(os.access(os.path.join(cwd, folder, name), os.X_OK) for folder in folders):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)


def listen(run: Run) -> int:
    """Wake up when a child ends; stop the command when asked by a signal, and survive a closed terminal."""
    wake, alarm = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(alarm, False)
    signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)

    def ask_to_stop(_number: int, _frame: object) -> None:
        run.stop_asked = True

    # Handlers, not SIG_IGN: an ignored signal would stay ignored in the command.
    for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    signal.signal(signal.SIGTERM, ask_to_stop)
    return wake


def take_lock(path: str) -> int | None:
    """Hold the run's lock until this process ends; None where another supervisor has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + PATIENCE_FOR_LOCK
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return None
            time.sleep(0.02)
        else:
            return descriptor


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
