"""Repair of UTF-8 that was read as something else, so that a check mark became three letters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

_RUN = re.compile(r"[^\x00-\x7f]+")
_ROUNDS = 3
"""Text may have been damaged more than once."""
_FIRST_SIGN = 0x2000
"""Where the blocks of punctuation and pictures begin."""
_MANY = 3
"""Runs that all decode; fewer may do so by accident."""
_LATIN = range(0xA0, 0x100)
_SIGNS = frozenset({"So", "Sk", "Sm", "Sc", "Po", "Pd", "Pi", "Pf", "Mn", "Cf", "Zs"})


@dataclass(frozen=True, slots=True)
class Repaired:
    """The text after the repair, and where it was made."""

    text: str
    lines: tuple[int, ...] = ()
    """1-based lines with a repair, without repetition."""
    encoding: str | None = None
    """What the text had been read as."""


def repair(text: str) -> Repaired:
    """Repair what a wrong decoding did to UTF-8.

    Every run of characters outside ASCII is taken for the bytes of UTF-8 in one old encoding, the same for
    the whole text. Signs, such as emoji and quotes, are repaired wherever they are found; letters only
    where every run of the text is damaged, for `É…` may well be meant.

    Args:
        text: any text.

    Returns:
        The text with the same lines; the same text where nothing was damaged.
    """
    if text.isascii():
        return Repaired(text)
    encoding, repairs = _best(text)
    if not repairs:
        return Repaired(text)
    found, lines = _apply(text, repairs)
    return Repaired(found, tuple(sorted(lines)), encoding)


def _best(text: str) -> tuple[str | None, dict[str, str]]:
    """The encoding that explains most runs, with what they stand for."""
    counts: dict[str, int] = {}
    for match in _RUN.finditer(text):
        counts[match[0]] = counts.get(match[0], 0) + 1
    best: tuple[str | None, dict[str, str]] = (None, {})
    most = 0
    for name, encode in _ENCODINGS.items():
        decoded = {run: told for run in counts if (told := _decode(run, encode)) is not None}
        everywhere = len(decoded) == len(counts)
        many = sum(counts.values()) >= _MANY
        wanted = {run: told for run, told in decoded.items() if _plausible(told, everywhere, many)}
        explained = sum(counts[run] for run in wanted)
        if explained > most:
            best, most = (name, wanted), explained
    return best


def _decode(run: str, encode: Callable[[str], bytes]) -> str | None:
    """What a run stands for; None where it stands for itself."""
    told: str | None = None
    for _ in range(_ROUNDS):
        try:
            told = encode(told or run).decode()
        except UnicodeError:
            break
        if told.isascii():
            break
    return told


def _plausible(told: str, everywhere: bool, many: bool) -> bool:
    if all(unicodedata.category(character) in _SIGNS for character in told):
        return everywhere or any(ord(character) >= _FIRST_SIGN for character in told)
    return everywhere and (many or all(ord(character) in _LATIN for character in told))


def _apply(text: str, repairs: dict[str, str]) -> tuple[str, set[int]]:
    lines: set[int] = set()
    pieces: list[str] = []
    line, counted, position = 1, 0, 0
    for match in _RUN.finditer(text):
        told = repairs.get(match[0])
        if told is None:
            continue
        line += text.count("\n", counted, match.start())
        counted = match.start()
        lines.add(line)
        pieces += (text[position : match.start()], told)
        position = match.end()
    return "".join([*pieces, text[position:]]), lines


def _windows(run: str) -> bytes:
    """Windows-1252, whose five unused bytes are read as the control characters of Latin-1."""
    found = bytearray()
    for character in run:
        try:
            found += character.encode("cp1252")
        except UnicodeEncodeError:
            found += character.encode("latin-1")
    return bytes(found)


_ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "Mac Roman": lambda run: run.encode("mac_roman"),
    "Windows-1252": _windows,
    "code page 437": lambda run: run.encode("cp437"),
}
