"""Names of files in an archive that every system can unpack, each to a place of its own."""

from __future__ import annotations

import re

from paceline.domain.ids import short_digest

PART_LIMIT = 100
"""Characters of one part of a name."""
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
"""Devices of Windows, which they are with any ending."""


def safe_part(text: str) -> str:
    """One part of a name, from hostile text: ASCII letters, digits, `.`, `_` and `-`.

    Args:
        text: such as a file's name.

    Returns:
        Neither empty, nor one of dots alone, nor with a dot at its start or end, nor a name that Windows
        keeps for a device, nor longer than `PART_LIMIT`.
    """
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in text)
    # The end of a long name says what kind of file it is.
    plain = plain[-PART_LIMIT:].lstrip(".").rstrip(".")
    if not plain:
        return "file"
    return f"_{plain}"[:PART_LIMIT].rstrip(".") if _RESERVED.fullmatch(plain) else plain


class MemberNames:
    """Gives every file a name that no other has, not even on a system that ignores case."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def take(self, *parts: str, mark: str = "") -> str:
        """A free name.

        Args:
            parts: the folders and the file, each hostile.
            mark: what tells this file from others of the name; the parts, where nothing is said.

        Returns:
            The parts made safe and joined by `/`; with a digest of the mark in front of the file where the
            name is taken by another file or by a folder.
        """
        *folders, file = map(safe_part, parts)
        folders = self._free_folders(folders)
        name, tries = "/".join([*folders, file]), 0
        while self._is_taken(name):
            digest = short_digest(f"{mark or '/'.join(parts)}#{tries}")
            room = PART_LIMIT - len(digest) - 1
            name, tries = "/".join([*folders, f"{digest}-{file[-room:]}"]), tries + 1
        self._files.add(name.lower())
        self._folders |= {"/".join(folders[: depth + 1]).lower() for depth in range(len(folders))}
        return name

    def _free_folders(self, folders: list[str]) -> list[str]:
        """Folders none of which is a file by that name."""
        found: list[str] = []
        for folder in folders:
            while "/".join([*found, folder]).lower() in self._files:
                folder = f"{folder[: PART_LIMIT - 1]}_"
            found.append(folder)
        return found

    def _is_taken(self, name: str) -> bool:
        return name.lower() in self._files or name.lower() in self._folders
