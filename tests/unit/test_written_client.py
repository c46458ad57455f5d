"""The modules of the Python client are what `scripts/write_client.py` makes of the API's description."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from api.contract import operations
from paceline.client.api import ApiClient

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script, which is in no package."""
    spec = importlib.util.spec_from_file_location("write_client", ROOT / "scripts" / "write_client.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_client_is_what_the_description_says(script: ModuleType) -> None:
    written = {path.stem: path.read_text() for path in script.FOLDER.glob("*.py") if path.stem != "__init__"}
    changed = [name for name, source in script.modules() if written.pop(name, None) != source]
    again = "run `.venv/bin/python scripts/write_client.py`; a new module has to be named in ApiClient too"
    assert (changed, sorted(written)) == ([], []), again


def test_every_operation_has_a_method_or_a_reason(script: ModuleType) -> None:
    names = {operation["operationId"] for _, _, operation in operations(script.described())}
    without = {name for name in names if not callable(getattr(ApiClient, name, None))}
    assert without == set(script.WITHOUT)
    assert all(script.WITHOUT.values())
