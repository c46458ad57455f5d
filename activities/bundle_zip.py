"""The ZIP of a bundle: the same entries give the same bytes, on every machine and with every Python.

Entries are stored and not compressed: how a compressor packs the same text differs from one build of it to
the next. The time is the oldest that a ZIP can say, the rights are fixed, and the order is that of the names.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from paceline.domain.member_names import MemberNames
from paceline.domain.redaction import Redaction

SCRATCH = ".bundle-"
"""How files begin that are being written; one that a killed process left is removed by the clean-up."""
MANIFEST = "manifest.json"
_CHUNK = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Entry:
    """One file of the bundle: its name and its bytes, or where they are."""

    name: str
    content: bytes | Path
    verbatim: bool = False
    """Whether only known secrets are replaced in it and nothing that only looks like one, as in a patch."""


def write_bundle(
    folder: Path, project: str, entries: Iterable[Entry], missing: Sequence[str], secrets: Sequence[bytes]
) -> tuple[Path, str]:
    """Write every entry and then the manifest of what was really written.

    Whoever is killed meanwhile leaves only a scratch file; who finds the ZIP by its name finds all of it.

    Args:
        folder: where the ZIP is put; made where it is not there.
        project: the run's id, for the manifest.
        entries: in any order; names are made safe and unique.
        missing: ids of files that should be there and are not.
        secrets: values that are replaced wherever they stand.

    Returns:
        Its path, and the digest of its manifest, which the file is named after.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=SCRATCH, delete=False) as scratch:
        partial = Path(scratch.name)
        try:
            digest = _write_all(scratch, project, list(_named(entries)), missing, secrets)
            os.fchmod(scratch.fileno(), 0o644)
            scratch.flush()
            os.fsync(scratch.fileno())
            target = folder / f"bundle-{digest[:16]}.zip"
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    _sync(folder)
    return target, digest


def size_and_digest(path: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def json_bytes(value: object) -> bytes:
    """A value as indented JSON with sorted keys."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _named(entries: Iterable[Entry]) -> Iterator[Entry]:
    names = MemberNames()
    names.take(MANIFEST)
    for entry in sorted(entries, key=lambda entry: entry.name):
        yield Entry(names.take(*entry.name.split("/")), entry.content, entry.verbatim)


def _write_all(
    target: IO[bytes], project: str, entries: list[Entry], missing: Sequence[str], secrets: Sequence[bytes]
) -> str:
    files: list[dict[str, object]] = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as bundle:
        for entry in sorted(entries, key=lambda entry: entry.name):
            files.append(_write_entry(bundle, entry, secrets))
        manifest = json_bytes(
            {"schema_version": 1, "project": project, "files": files, "missing": sorted(missing)}
        )
        _write_entry(bundle, Entry(MANIFEST, manifest, verbatim=True), ())
    return hashlib.sha256(manifest).hexdigest()


def _write_entry(bundle: zipfile.ZipFile, entry: Entry, secrets: Sequence[bytes]) -> dict[str, object]:
    """Write one entry; returns what the manifest says of it."""
    info = zipfile.ZipInfo(entry.name, _EPOCH)
    info.compress_type = zipfile.ZIP_STORED
    info.external_attr = 0o100644 << 16
    info.create_system = 3
    size, digest = 0, hashlib.sha256()
    redaction = Redaction(secrets, kinds=not entry.verbatim)
    source = io.BytesIO(entry.content) if isinstance(entry.content, bytes) else entry.content.open("rb")
    with source, bundle.open(info, "w", force_zip64=True) as out:
        for chunk in redaction.all_of(iter(lambda: source.read(_CHUNK), b"")):
            out.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    told: dict[str, object] = {"path": entry.name, "bytes": size, "sha256": digest.hexdigest()}
    return told | ({"redacted": redaction.count} if redaction.count else {})


def _sync(folder: Path) -> None:
    """See that the file's name outlives a power cut as its bytes do."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
