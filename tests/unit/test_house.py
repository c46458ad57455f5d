"""The house stands as DESIGN says: who may import whom, how large a file is, and what the wheel carries."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("paceline", "workflows", "activities", "workers", "api")
LONG_FILE, TOO_LONG_FILE = 400, 500
"""Lines from which a file draws a warning, and from which it fails."""

LEVELS = (
    ("paceline.domain",),
    ("paceline.contracts",),
    (
        "paceline.store",
        "paceline.vcs",
        "paceline.agents",
        "paceline.plans",
        "paceline.client",
        "paceline.observe",
    ),
    ("activities",),
    ("workflows",),
    ("api", "workers", "paceline.cli"),
)
"""A room imports its own and lower levels only; lowest first."""
LEAVES = ("paceline.errors", "paceline.settings", "paceline.search_attributes")
"""Anyone but the domain may import these; the domain may import the errors."""
PURE = {"paceline", "pydantic"}
"""What the domain imports beside the standard library."""


def modules() -> Iterator[tuple[str, Path]]:
    """Dotted name and file of every module of ours."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            relative = path.relative_to(ROOT).with_suffix("")
            yield ".".join(relative.parts).removesuffix(".__init__"), path


MODULES = dict(modules())


def imports(path: Path) -> set[str]:
    """Every module that a file imports, inside functions too; `from a import b` is `a.b` if that is one."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return found


def level(module: str) -> int | None:
    """The level of a module's room; None for the leaves and what is not ours."""
    for number, rooms in enumerate(LEVELS):
        if any(module == room or module.startswith(f"{room}.") for room in rooms):
            return number
    return None


def refused(importer: str, imported: str) -> str | None:
    """Why an import points the wrong way, or None."""
    if imported.split(".")[0] not in PACKAGES:
        return None
    if importer in LEAVES:
        return None if imported in ("paceline", *LEAVES) else "a leaf imports no room"
    if imported in LEAVES:
        lowest = level(importer) == 0 and imported != "paceline.errors"
        return "the domain imports the errors only" if lowest else None
    own, other = level(importer), level(imported)
    if own is None or other is None:
        return None if imported == "paceline" else "not a room of the house"
    return "points back" if other > own else None


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module: str) -> None:
    if module == "paceline":
        return
    for imported in sorted(imports(MODULES[module])):
        reason = refused(module, imported)
        assert reason is None, f"{module} imports {imported}: {reason}"


def test_the_rule_can_say_no() -> None:
    assert refused("paceline.domain.plan", "paceline.store.models") == "points back"
    assert refused("paceline.domain.plan", "paceline.settings") is not None
    assert refused("paceline.errors", "paceline.domain.plan") is not None
    assert refused("activities.work", "workflows.story") == "points back"
    assert refused("paceline.store.runs", "paceline.cli.main") == "points back"
    assert refused("workflows.story", "activities.work") is None
    assert refused("paceline.domain.plan", "paceline.errors") is None


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("paceline.domain")])
def test_domain_is_pure(module: str) -> None:
    outside = {name.split(".")[0] for name in imports(MODULES[module])} - PURE
    assert outside <= sys.stdlib_module_names


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("paceline.client")])
def test_the_client_stands_on_the_domain_alone(module: str) -> None:
    ours = {name for name in imports(MODULES[module]) if name.split(".")[0] in PACKAGES}
    allowed = ("paceline.client.", "paceline.domain.", "paceline.errors", "paceline.settings")
    assert [name for name in sorted(ours - {"paceline"}) if not name.startswith(allowed)] == []


@pytest.mark.parametrize("module", [name for name in MODULES if name.split(".")[0] == "workflows"])
def test_workflows_import_no_io(module: str) -> None:
    outside = {name.split(".")[0] for name in imports(MODULES[module])} - set(PACKAGES)
    assert outside <= sys.stdlib_module_names | {"temporalio", "pydantic"}
    assert not outside & {"os", "subprocess", "socket", "threading", "time", "random", "sqlite3", "urllib"}


@pytest.mark.parametrize("path", [path for path in MODULES.values() if path.name == "__init__.py"], ids=str)
def test_init_holds_a_docstring_at_most(path: Path) -> None:
    body = ast.parse(path.read_text()).body
    assert len(body) <= 1
    for statement in body:
        assert isinstance(statement, ast.Expr)
        assert isinstance(statement.value, ast.Constant)


def test_no_file_outgrows_a_reader() -> None:
    folders = (*PACKAGES, "migrations", "tests", "examples", "scripts")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    lines = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in files}
    for name, count in lines.items():
        if LONG_FILE < count <= TOO_LONG_FILE:
            warnings.warn(f"{name} has {count} lines; divide it by concern", stacklevel=1)
    assert {name: count for name, count in lines.items() if count > TOO_LONG_FILE} == {}


def test_nothing_is_called_utils() -> None:
    assert [
        name for name in MODULES if name.rsplit(".", 1)[-1] in ("utils", "helpers", "common", "misc")
    ] == []


def test_no_dependency_claims_a_name_of_ours() -> None:
    claimed = importlib.metadata.packages_distributions()
    for name in (*PACKAGES, "migrations"):
        assert set(claimed.get(name, [])) <= {"paceline"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built by its own backend, without network."""
    place = tmp_path_factory.mktemp("wheel")
    build = "import sys, hatchling.build as b; b.build_wheel(sys.argv[1])"
    if not any(d.name == "hatchling" for d in importlib.metadata.distributions()):
        reason = "hatchling is not installed; run scripts/bootstrap"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run(
        [sys.executable, "-c", build, str(place)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (built,) = place.glob("*.whl")
    return built


def test_wheel_carries_every_module_and_the_migrations(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for path in MODULES.values():
        assert str(path.relative_to(ROOT)) in names
    migrations = [path for path in (ROOT / "migrations").rglob("*.py") if "__pycache__" not in path.parts]
    assert migrations
    for path in migrations:
        assert f"paceline/store/migrations/{path.relative_to(ROOT / 'migrations')}" in names


def test_wheel_carries_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_wheel_starts_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        entry = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "paceline = paceline.cli.main:main" in archive.read(entry).decode()
