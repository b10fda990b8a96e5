# SPDX-License-Identifier: MIT
"""Who may know whom: the arrows of docs/architecture.md, held against includes and imports."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.M)
FREESTANDING = {"stdbool.h", "stddef.h", "stdint.h", "string.h"}
MICROPYTHON = ("py/", "extmod/", "shared/", "lib/", "genhdr/")
# What modules may use of the port beside what MicroPython itself gives under mphal,
# and of each other.
SERVICES = {"pool.h", "storage.h", "absent.h", "gc_views.h"}
SHARED = {"image.h", "kpu_shared.h"}


def sources(folder: str) -> list[Path]:
    found = sorted(
        path
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".c", ".h", ".S") and path.is_file()
    )
    assert found, f"{folder} has no sources"
    return found


def includes(path: Path) -> list[str]:
    return INCLUDE.findall(path.read_text())


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def is_own(path: Path, include: str) -> bool:
    """Whether the include is a file of the same folder (or below it)."""
    return (path.parent / include).exists()


@pytest.mark.parametrize("path", sources("sdk"), ids=name)
def test_sdk_knows_nothing_above_it(path: Path) -> None:
    for include in includes(path):
        below = (ROOT / "sdk" / include).exists() or (ROOT / include).is_relative_to(ROOT / "sdk")
        assert include in FREESTANDING or below, f"{name(path)} includes {include}"


@pytest.mark.parametrize("path", sources("ports/k210"), ids=name)
def test_the_port_never_knows_a_module(path: Path) -> None:
    for include in includes(path):
        assert not include.startswith("modules/"), f"{name(path)} includes {include}"
        assert not any((ROOT / "modules" / m / include).exists() for m in ("kpu", "image")), (
            f"{name(path)} includes {include}"
        )


@pytest.mark.parametrize("path", sources("modules"), ids=name)
def test_modules_know_the_port_by_its_services_and_each_other_by_what_they_share(
    path: Path,
) -> None:
    module = path.relative_to(ROOT / "modules").parts[0]
    for include in includes(path):
        ports = (ROOT / "ports/k210" / include).exists() or include.startswith("ports/")
        assert not ports or include in SERVICES, f"{name(path)} includes {include}"
        for other in (ROOT / "modules").iterdir():
            if other.name == module or is_own(path, include):
                continue
            foreign = (other / include).exists() or include.startswith(
                (f"{other.name}/", f"modules/{other.name}/")
            )
            assert not foreign or Path(include).name in SHARED, f"{name(path)} includes {include}"


def test_pure_c_has_no_micropython_header() -> None:
    """Files that the host compiles too: everything in modules but the bindings."""
    pure = [
        path
        for path in sources("modules")
        if not any(include.startswith(MICROPYTHON) for include in includes(path))
    ]
    names = {path.stem for path in pure}
    assert {"kmodel_run", "kmodel_check", "pixels", "resize"} <= names
    host_built = (ROOT / "modules/kpu").glob("kmodel*.[ch]")
    assert {path.stem for path in host_built} <= names


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize(("package", "other"), [("virtual", "kmodel"), ("kmodel", "virtual")])
def test_virtual_and_kmodel_never_import_each_other(package: str, other: str) -> None:
    files = sorted((ROOT / "tools/microkpu" / package).rglob("*.py"))
    assert files
    for path in files:
        wrong = [module for module in imports(path) if f"microkpu.{other}" in module]
        assert not wrong, f"{name(path)} imports {wrong}"


def test_firmware_is_configuration() -> None:
    kinds = {path.suffix for path in (ROOT / "firmware").rglob("*") if path.is_file()}
    assert kinds <= {".toml", ".h", ".mk", ".py"}
