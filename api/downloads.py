"""Files of the artifact folder over HTTP: streamed, in ranges, and not again where the caller has them."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

from fastapi import Request, Response
from fastapi.responses import FileResponse
from starlette.responses import MalformedRangeHeader, RangeNotSatisfiable

from paceline.domain.member_names import safe_part
from paceline.domain.status import Artifact
from paceline.errors import RangeUnsatisfiable

_AS_TEXT = frozenset({".log", ".txt", ".md", ".json", ".jsonl", ".diff", ".patch", ".out", ".err"})


class _Download(FileResponse):
    """A file whose refused ranges are problem documents like every other refusal."""

    @classmethod
    def _parse_range_header(cls, http_range: str, file_size: int) -> list[tuple[int, int]]:
        try:
            return super()._parse_range_header(http_range, file_size)
        except MalformedRangeHeader:
            # RFC 9110, 14.2: what is no range of a known unit is as if it were not there.
            return []
        except RangeNotSatisfiable as error:
            raise RangeUnsatisfiable(
                f"The file has {file_size} bytes, and the range {http_range[:100]!r} lies beyond; ask for "
                "another part, or for all of it.",
                bytes=file_size,
            ) from error


async def file_response(
    request: Request, path: Path | None, artifact: Artifact, name: str | None = None
) -> Response | None:
    """The answer that sends a file.

    Args:
        request: with `If-None-Match`, `Range` and `If-Range` where the caller has some of it.
        path: where the file is; None where its path leads out of the artifact folder.
        artifact: what the index says of it; its digest is the ETag.
        name: of the download; by default the file's own.

    Returns:
        304 where the caller has it; None where the file is gone or is not what was indexed.
    """
    found = await asyncio.to_thread(_stat, path) if path is not None else None
    if path is None or found is None or not stat.S_ISREG(found.st_mode) or found.st_size != artifact.bytes:
        return None
    headers = {
        "ETag": f'"{artifact.sha256}"',
        "X-Checksum-SHA256": artifact.sha256,
        "Cache-Control": "private, no-cache",
        # Whatever an agent wrote, a browser does not run it.
        "Content-Security-Policy": "sandbox",
    }
    if is_known(request, artifact.sha256):
        return Response(status_code=304, headers=headers)
    return _Download(
        path,
        media_type=_media_type(path),
        filename=name or safe_part(path.name),
        headers=headers,
        stat_result=found,
    )


def is_known(request: Request, etag: str) -> bool:
    """Whether the caller says by `If-None-Match` that it has this version; it is not sent again then."""
    said = request.headers.get("if-none-match", "")
    tags = {tag.strip().removeprefix("W/") for tag in said.split(",")}
    return "*" in tags or f'"{etag}"' in tags


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _media_type(path: Path) -> str:
    if path.suffix == ".zip":
        return "application/zip"
    return "text/plain; charset=utf-8" if path.suffix in _AS_TEXT else "application/octet-stream"
