"""Sending one message to one receiver: by POST to a webhook, or to a command's standard input."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

from paceline.agents.environment import allowed_environment
from paceline.domain.notifications import COMMAND, Notification, NotifyOptions, Webhook, signature
from paceline.errors import NotifyCommand, NotifySecret, NotifyTimeout
from workers.posting import post

_OUTPUT = 100_000
"""Bytes that are kept of what a command prints."""


async def send(notification: Notification, options: NotifyOptions, folder: Path, logs: Path) -> None:
    """Send it once.

    Args:
        notification: what, and to whom.
        options: of its run.
        folder: where a command is run.
        logs: gets what a command prints, one file a message.

    Raises:
        NotifyError: it did not arrive, as far as this can know. No message names an address or a secret.
    """
    try:
        async with asyncio.timeout(options.timeout):
            if notification.receiver == COMMAND:
                await _run(notification, options, folder, logs)
            else:
                await _post(notification, options.webhooks[notification.receiver])
    except TimeoutError:
        raise NotifyTimeout(
            f"{notification.receiver} did not take the message within {options.timeout:g} s."
        ) from None


async def _post(notification: Notification, webhook: Webhook) -> None:
    name, now = notification.receiver, str(int(time.time()))
    headers = {
        "Paceline-Notification": notification.id,
        "Paceline-Event": notification.name,
        "Paceline-Timestamp": now,
    }
    if webhook.secret_env is not None:
        secret = _variable(name, webhook.secret_env)
        headers["Paceline-Signature"] = signature(secret, now, notification.body)
    url = webhook.url or _variable(name, webhook.url_env or "")
    await post(name, url, notification.body, headers)


def _variable(receiver: str, variable: str) -> str:
    value = os.environ.get(variable, "")
    if not value:
        raise NotifySecret(f"{receiver} needs the environment variable {variable}, which the worker lacks.")
    return value


async def _run(notification: Notification, options: NotifyOptions, folder: Path, logs: Path) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            *options.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=folder,
            env=allowed_environment(options.environment),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise NotifyCommand(f"The command for notifications cannot be started: {error}.") from None
    said = bytearray()
    reading = asyncio.create_task(_read(process, said))
    try:
        await _give(process, notification.body.encode())
        status = await process.wait()
    finally:
        # What it left running must not outlive it, and a time limit ends all of it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        _keep(logs / f"{notification.id}.log", bytes(said))
    if status != 0:
        raise NotifyCommand(f"The command for notifications ended with status {status}.", status=status)


async def _give(process: asyncio.subprocess.Process, body: bytes) -> None:
    if process.stdin is None:
        return
    # It may end, or close its input, without having read.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(body)
        await process.stdin.drain()
        process.stdin.close()


async def _read(process: asyncio.subprocess.Process, said: bytearray) -> None:
    while process.stdout is not None and (part := await process.stdout.read(65_536)):
        said.extend(part[: max(0, _OUTPUT - len(said))])


def _keep(log: Path, said: bytes) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(said)
