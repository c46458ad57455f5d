"""One POST to an address outside, which may be hostile: no redirects, little is read of the reply.

Where networks are given, the host's name is resolved once, and the connection goes to an address that was
checked; proxies of the environment are not used then, as they would resolve it again.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import httpx2

from paceline.domain.addresses import Network, address_of, may_be_reached
from paceline.errors import NotifyAddress, NotifyError, NotifyGone, NotifyRefused, NotifyUnreachable

USER_AGENT = "paceline"
MOST_READ = 2_000
"""Bytes of a reply that are read at most."""
MOST_SHOWN = 200
"""Characters of them that are kept, where the status is no success."""
_TRIED = 3
"""Addresses of one host that are tried at most."""
_GONE = 410
# At INFO and below they write the address of each request, which may be a secret.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class _Reply(NamedTuple):
    status: int
    said: str
    retry_after: str


async def post(
    name: str,
    url: str,
    body: str,
    headers: Mapping[str, str],
    networks: tuple[Network, ...] | None = None,
) -> None:
    """Send it once; who calls sets the time limit.

    Args:
        name: of the receiver, for messages.
        url: where to.
        body: JSON.
        headers: beside the type of the body.
        networks: what may be reached beside public addresses; None: everything.

    Raises:
        NotifyError: it did not arrive, as far as this can know. No message names the address.
    """
    whole = {**headers, "Content-Type": "application/json", "User-Agent": USER_AGENT}
    try:
        if networks is None:
            reply = await _send(httpx2.URL(url), body, whole)
        else:
            reply = await _send_checked(name, httpx2.URL(url), body, whole, networks)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        # Its own words may repeat the address.
        raise NotifyUnreachable(f"{name} cannot be reached ({type(error).__name__}).") from None
    if not 200 <= reply.status < 300:
        raise _refusal(name, reply, url if networks is not None else None)


def _refusal(name: str, reply: _Reply, url: str | None) -> NotifyError:
    """What a status other than a success means; of webhooks with a little of what it said."""
    kind = NotifyGone if reply.status == _GONE and url is not None else NotifyRefused
    said = ""
    if url is not None and reply.said:
        path = httpx2.URL(url).raw_path.decode("ascii")
        said = f" and said: {reply.said.replace(path, '…') if len(path) > 1 else reply.said}"
    details = {"retry_after": int(reply.retry_after)} if re.fullmatch(r"\d{1,6}", reply.retry_after) else {}
    return kind(f"{name} answered with status {reply.status}{said}.", status=reply.status, **details)


async def _send_checked(
    name: str, url: httpx2.URL, body: str, headers: dict[str, str], networks: tuple[Network, ...]
) -> _Reply:
    """Connect to an address of the host that may be reached; it stands for the name in this request only."""
    host = url.raw_host.decode("ascii")
    asked = {**headers, "Host": url.netloc.decode("ascii")}
    failed: Exception | None = None
    for address in (await _addresses(name, url, networks))[:_TRIED]:
        try:
            return await _send(url.copy_with(host=address), body, asked, host)
        except httpx2.ConnectError as error:
            failed = error
    raise failed or OSError("no address")


async def _addresses(name: str, url: httpx2.URL, networks: tuple[Network, ...]) -> list[str]:
    """The addresses of the host.

    Raises:
        NotifyAddress: one of them may not be reached; a name that also means such a one is not to be trusted.
    """
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    written = list(dict.fromkeys(str(each[4][0]) for each in found))
    for each in written:
        address = address_of(each)
        if address is None or not may_be_reached(address, networks):
            raise NotifyAddress(
                f"The host of {name} has an address that is not public; PACELINE_WEBHOOK_NETWORKS of the "
                "worker says which others webhooks may go to."
            )
    return written


async def _send(url: httpx2.URL, body: str, headers: dict[str, str], host: str | None = None) -> _Reply:
    checked = host is not None
    extensions = {"sni_hostname": host} if checked else {}
    async with (
        httpx2.AsyncClient(
            timeout=None,
            follow_redirects=False,
            trust_env=not checked,
            verify=_trusted() if checked else True,
        ) as client,
        client.stream("POST", url, content=body.encode(), headers=headers, extensions=extensions) as reply,
    ):
        said = b""
        if checked and not reply.is_success:
            async for part in reply.aiter_raw():
                said += part[: MOST_READ - len(said)]
                if len(said) >= MOST_READ:
                    break
        return _Reply(reply.status_code, _shown(said), reply.headers.get("retry-after", ""))


@cache
def _trusted() -> ssl.SSLContext:
    """Who is trusted; reading the certificates takes longer than a small request."""
    return httpx2.create_ssl_context()


def _shown(said: bytes) -> str:
    """The beginning of what a receiver said, in one line and without control characters."""
    text = said.decode("utf-8", "replace")
    return re.sub(r"\s+", " ", "".join(each if each.isprintable() else " " for each in text)).strip()[
        :MOST_SHOWN
    ]
