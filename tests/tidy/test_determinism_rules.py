"""What would make a run depend on the machine, the moment or an earlier run is kept out, module by module."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.tidy.tree import modules

# Where the real world may be touched, and why.
ALLOWED: dict[str, dict[str, str]] = {
    "datetime": {
        "kcsim/engine/clock.py": "turns virtual instants into the timestamps objects carry",
        "kcsim/api/cron.py": "finds the next local time of a schedule",
        "kcsim/cluster/controllers/cronjob/jobs.py": "writes the time a Job was scheduled for in its zone",
        "kcsim/kubectl/describers/writer.py": "writes those timestamps as describe does",
    },
    "random": {},
    "time": {
        "kcsim/engine/watchdog.py": "decides when a user's code that does not come back is given up; nothing of it is recorded"
    },
    "uuid": {},
    "secrets": {},
    "threading": {"kcsim/engine/watchdog.py": "idem"},
    "asyncio": {},
    "multiprocessing": {
        "kcsim/scenario/sweep.py": "runs whole worlds side by side that do not know each other"
    },
    "concurrent": {"kcsim/scenario/sweep.py": "idem"},
    "socket": {},
    "subprocess": {"kcsim/delivery/helm.py": "charts are what the user's helm binary makes of them"},
    "tempfile": {"kcsim/delivery/helm.py": "where that binary finds the chart"},
    "platform": {},
    "locale": {},
}
SURFACES = ("kcsim/cli/", "kcsim/tui/", "kcsim/notebook/", "kcsim/report/", "kcsim/testing/", "kcsim/serve/")
"""A surface may look at the real clock to draw its progress; nothing of it reaches a world."""

# Memories at module level that no run can observe: each says the same with or without them.
MEMORIES = {
    ("kcsim/api/defaults/canonical.py", "_known_specs"): "finished pod specs by identity, held alive",
    ("kcsim/api/defaults/canonical.py", "_visited"): "facts of schemas, which are immutable",
    ("kcsim/api/defaults/core_pod.py", "_known_specs"): "idem",
    ("kcsim/api/qos.py", "_known"): "classes of templates by their containers, held alive",
    ("kcsim/api/schemas/definitions.py", "_compiled"): "nodes of schemas, by what was written, held alive",
    ("kcsim/cluster/scheduler/pod_requests.py", "_amounts"): "parsed quantities, by their text",
    ("kcsim/delivery/helm.py", "_answers"): "rendered charts, by everything that goes into them",
    (
        "kcsim/delivery/kustomize/build.py",
        "_builds",
    ): "what directories have built, by everything that was read",
    ("kcsim/scenario/shapes.py", "_RECORDS"): "fields of the model's classes",
    ("kcsim/scenario/sweep.py", "_here"): "the stories of the one sweep that a process was started for",
}
MUTATORS = set(
    "append add update setdefault pop popitem clear extend insert remove discard appendleft popleft __setitem__".split()
)


def imported(module: ast.Module) -> Iterator[tuple[str, int]]:
    """The top-level names of everything a module imports, deferred imports too."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0], node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0], node.lineno


@pytest.mark.parametrize("path", [path for path in sorted(modules()) if not path.startswith(SURFACES)])
def test_no_clock_dice_or_thread_but_the_engines(path: str) -> None:
    found = [
        f"{path}:{line} imports {name}"
        for name, line in imported(modules()[path])
        if name in ALLOWED and path not in ALLOWED[name]
    ]
    assert not found, "\n".join(found)


def test_every_exception_is_still_needed() -> None:
    for name, places in ALLOWED.items():
        for path in places:
            assert name in {each for each, _ in imported(modules()[path])}, f"{path} no longer imports {name}"
    for path, name in MEMORIES:
        assert name in set(changed_names(modules()[path])), f"{path} no longer changes {name}"


@pytest.mark.parametrize("path", sorted(modules()))
def test_no_module_remembers_a_run(path: str) -> None:
    kept = [f"{path}: {name}" for name in changed_names(modules()[path]) if (path, name) not in MEMORIES]
    assert not kept, "state at module level leaks from one run into the next:\n" + "\n".join(kept)


def changed_names(module: ast.Module) -> list[str]:
    """Module-level names that functions of the module rebind, change in place or draw from."""
    names = set(module_names(module))
    changed = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Global):
            changed.update(node.names)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            reachable = names - local_names(node)
            for inner in ast.walk(node):
                name = target_of(inner)
                if name in reachable:
                    changed.add(name)
    return sorted(changed)


def module_names(module: ast.Module) -> Iterator[str]:
    """Names assigned at the top of a module."""
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name):
                yield target.id


def local_names(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    """Parameters and names that the function binds itself."""
    declared = {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}
    bound = {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    arguments = {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    return (bound | arguments) - declared


def target_of(node: ast.AST) -> str | None:
    """The name that a statement or call changes in place: ``x[k] = v``, ``del x[k]``, ``x.add(v)``, ``next(x)``."""
    if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return node.value.id if isinstance(node.value, ast.Name) else None
    if isinstance(node, ast.Call):
        function = node.func
        if (
            isinstance(function, ast.Attribute)
            and function.attr in MUTATORS
            and isinstance(function.value, ast.Name)
        ):
            return function.value.id
        if isinstance(function, ast.Name) and function.id == "next" and node.args:
            return node.args[0].id if isinstance(node.args[0], ast.Name) else None
    return None
