"""Turns vector files into test cases: one parameter per case, with the adapter that answers it.

Walk: a *.json file -> its adapter module (by stem, else by topic, else by the ops it can do)
-> per case the adapter function, or the reason why the case is skipped.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent
CASES = HERE / "cases"
ADAPTERS = HERE / "adapters"


@dataclass(frozen=True)
class Adapter:
    """What one module in adapters/ offers; `broken` is the error that importing it gave."""

    stem: str
    functions: dict[str, Callable[[dict[str, Any]], Any]] = field(default_factory=dict)
    checks: dict[str, Callable[[dict[str, Any], Any], None]] = field(default_factory=dict)
    skip: dict[str, str] = field(default_factory=dict)
    topic: str | None = None
    broken: Exception | None = None


@dataclass(frozen=True)
class Vector:
    """One case together with the adapter that answers it, or why none does."""

    case: dict[str, Any]
    adapter: Adapter | None
    skip: str | None

    def run(self) -> None:
        """Feeds the input to the adapter and asserts what the case expects."""
        if self.skip is not None:
            pytest.skip(self.skip)
        assert self.adapter is not None
        if self.adapter.broken is not None:
            raise self.adapter.broken
        op = self.case["op"]
        outcome = self.adapter.functions[op](self.case["input"])
        self.adapter.checks.get(op, expect_named)(self.case, outcome)


def expect_named(case: dict[str, Any], outcome: Any) -> None:
    """The default check: every member that `expect` names is equal in the outcome.

    `error` is looser: true asks for some error, false for none, a text must be contained in it.
    """
    for name, wanted in case["expect"].items():
        got = outcome.get(name)
        if name != "error":
            assert got == wanted, f"{name}: got {got!r}, want {wanted!r} (whole outcome: {outcome!r})"
        elif isinstance(wanted, bool):
            assert bool(got) == wanted, f"error: got {got!r}, want {wanted!r} (whole outcome: {outcome!r})"
        else:
            assert wanted in str(got), f"error: got {got!r}, want a text with {wanted!r}"


def load_module(path: Path) -> ModuleType:
    """Imports one file by path, so that adapters need no package and no sys.path entry."""
    spec = importlib.util.spec_from_file_location(f"vector_adapter_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_adapter(path: Path) -> Adapter:
    """One module of adapters/. A module that cannot be imported fails its own cases, not the collection."""
    brought_in = CASES / path.name.replace(".py", ".json")
    topic = json.loads(brought_in.read_text())["topic"] if brought_in.exists() else None
    try:
        module = load_module(path)
    except Exception as error:  # noqa: BLE001 - whatever it is, the cases of this file report it
        return Adapter(path.stem, topic=topic, broken=error)
    return Adapter(
        path.stem, module.ADAPTERS, getattr(module, "CHECKS", {}), getattr(module, "SKIP", {}), topic
    )


def choose(adapters: list[Adapter], stem: str, topic: str | None, ops: set[str]) -> list[Adapter]:
    """The adapters to ask for a file, best first: its own, else those that can do most of its ops."""
    own = [a for a in adapters if a.stem == stem] or [a for a in adapters if topic and a.topic == topic]
    if own:
        return own[:1]
    able = [a for a in adapters if ops & a.functions.keys()]
    return sorted(able, key=lambda a: (-len(ops & a.functions.keys()), a.stem))


def vectors_of(path: Path, adapters: list[Adapter]) -> list[Vector]:
    """All cases of one vector file."""
    data = json.loads(path.read_text())
    candidates = choose(adapters, path.stem, data.get("topic"), {case["op"] for case in data["cases"]})
    vectors = []
    for case in data["cases"]:
        adapter = next((a for a in candidates if a.broken or case["op"] in a.functions), None)
        skip = f"op {case['op']}: not modelled yet"
        if adapter is not None:
            reasons = adapter.skip
            skip = reasons.get(case["name"]) or reasons.get(case["op"])
        vectors.append(Vector(case, adapter, skip))
    return vectors


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "vector" not in metafunc.fixturenames:
        return
    asked = metafunc.config.getoption("--vectors")
    folder = Path(asked) if asked else CASES
    files = sorted(folder.glob("*.json"))
    if asked and not files:
        raise pytest.UsageError(f"--vectors {asked}: no *.json file in this folder")
    adapters = [load_adapter(path) for path in sorted(ADAPTERS.glob("*.py"))]
    found = [(path.stem, vector) for path in files for vector in vectors_of(path, adapters)]
    metafunc.parametrize(
        "vector", [pytest.param(vector, id=f"{stem}/{vector.case['name']}") for stem, vector in found]
    )
