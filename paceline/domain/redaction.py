"""Secrets in text that is handed on: what looks like a known kind of token or key, and known values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

REDACTED = b"[redacted]"
LEAST_LENGTH = 8
"""Bytes of a known value; what is shorter would be found in the middle of words."""
OVERLAP = 16_384
"""Bytes that one secret may take."""
_KINDS: tuple[tuple[tuple[bytes, ...], re.Pattern[bytes]], ...] = tuple(
    (marks, re.compile(pattern))
    for marks, pattern in (
        (
            (b"-----BEGIN ",),
            rb"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]{0,16000}?"
            rb"-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
        ),
        ((b"pct_", b"pcs_"), rb"\bpc[ts]_[0-9a-f]{12}_[A-Za-z0-9_-]{43}"),
        ((b"whsec_",), rb"\bwhsec_[A-Za-z0-9_+/=-]{16,200}"),
        ((b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"), rb"\bgh[pousr]_[A-Za-z0-9]{30,255}"),
        ((b"github_pat_",), rb"\bgithub_pat_[A-Za-z0-9_]{40,255}"),
        ((b"glpat-",), rb"\bglpat-[A-Za-z0-9_-]{20,100}"),
        ((b"sk-",), rb"\bsk-[A-Za-z0-9_-]{20,250}"),
        ((b"AIza",), rb"\bAIza[A-Za-z0-9_-]{35}"),
        ((b"AKIA", b"ASIA"), rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
        ((b"xox",), rb"\bxox[abeprs]-[A-Za-z0-9-]{10,250}"),
        ((b"npm_", b"pypi-"), rb"\b(?:npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,250})"),
        ((b"eyJ",), rb"\beyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,2000}"),
        # The password of an address.
        ((b"://",), rb"(?<=://)[^\s/:@\"'<>\\]{1,100}:[^\s/@\"'<>\\]{1,200}(?=@)"),
        ((b"earer ",), rb"(?<=earer )[A-Za-z0-9._~+/=-]{16,4000}"),
    )
)
"""Kinds of secrets: what each has in it, which is quick to look for, and how it looks."""
_BEHIND = 16
"""Bytes before a secret that say what it is."""


def secret_values(values: Iterable[str]) -> tuple[bytes, ...]:
    """Known secrets as they are looked for: those of at least `LEAST_LENGTH` bytes, the longest first."""
    found = {value.encode("utf-8", "surrogateescape") for value in values}
    return tuple(sorted((each for each in found if len(each) >= LEAST_LENGTH), key=lambda e: (-len(e), e)))


class Redaction:
    """Replaces secrets in a stream of bytes.

    Args:
        values: known secrets, which are replaced wherever they stand.
        kinds: also replace what looks like a secret of a known kind; not in what has to stay as it is, such
            as a patch.
    """

    def __init__(self, values: Iterable[bytes], *, kinds: bool = True) -> None:
        known = list(values)
        self._patterns = [(known, re.compile(b"|".join(map(re.escape, known))))] if known else []
        if kinds:
            self._patterns += [(list(marks), pattern) for marks, pattern in _KINDS]
        self.count = 0

    def all_of(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same bytes without the secrets, in pieces; also without one over the end of a piece."""
        kept = b""
        for chunk in chunks:
            kept += chunk
            end = self._safe_end(kept)
            if end:
                yield self._without(kept[:end])
                kept = kept[end:]
        if kept:
            yield self._without(kept)

    def _without(self, text: bytes) -> bytes:
        for pattern in self._found_in(text):
            text, found = pattern.subn(REDACTED, text)
            self.count += found
        return text

    def _found_in(self, text: bytes) -> list[re.Pattern[bytes]]:
        return [pattern for marks, pattern in self._patterns if any(mark in text for mark in marks)]

    def _safe_end(self, text: bytes) -> int:
        """Where a text can be cut, so that no secret and nothing that tells one is cut; 0: not yet."""
        if len(text) <= 2 * OVERLAP:
            return 0
        end = len(text) - OVERLAP
        start = end - OVERLAP
        around = text[start:]
        spans = [
            (start + found.start() - _BEHIND, start + found.end() + 1)
            for pattern in self._found_in(around)
            for found in pattern.finditer(around)
        ]
        # The last begin first: what the end is moved before may be in another.
        for begin, over in sorted(spans, reverse=True):
            if begin < end < over:
                end = max(0, begin)
        return end
