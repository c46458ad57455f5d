"""JSON of people, read strictly: every key once, every number finite, and nothing nested too deeply."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
"""An escape that may be half of a pair; the other half may follow."""


def load_json(text: str) -> Any:
    """Read one JSON document.

    Args:
        text: all of it.

    Raises:
        ValueError: it is no JSON, with where and why; a key is written twice in one object, or a number or a
            text is none that other programs read.
    """
    try:
        data = json.loads(
            text, object_pairs_hook=_once, parse_float=_finite, parse_constant=_refuse, parse_int=_integer
        )
        if _HALF_PAIR.search(text):
            json.dumps(data, ensure_ascii=False).encode()
        return data
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except UnicodeEncodeError:
        raise ValueError("a text has half of a surrogate pair") from None
    except RecursionError:
        raise ValueError("it nests too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key `{twice}` is written twice")
    return found


def _finite(written: str) -> float:
    value = float(written)
    if not math.isfinite(value):
        raise ValueError(f"`{written[:40]}` is no finite number")
    return value


def _integer(written: str) -> int:
    try:
        return int(written)
    except ValueError:
        raise ValueError(f"a number has {len(written):,} digits") from None


def _refuse(written: str) -> NoReturn:
    raise ValueError(f"`{written}` is no number")
