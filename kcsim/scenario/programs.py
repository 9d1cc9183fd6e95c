"""Controllers that a story brings along: Python classes named in the file, found and made ready to run.

``use: package.module:Class`` is imported as any module is; ``use: folder/file.py:Class`` is loaded from that file, beside
the scenario file or below the working directory. Playing such a story runs that code: do not play one from somebody whom
you would not let run a program.

**Walk:** `load_class` finds the class -> `check.py` tells what is wrong with it -> `play.py` installs it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from kcsim.api.kit.queue import Reconciler
from kcsim.scenario.diagnostics import did_you_mean


class NoSuchProgram(ValueError):
    """What `use` names cannot be had; ``remedy`` says what would help."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


def load_class(use: str, directory: str | None = None) -> type[Reconciler]:
    """The reconciler class that `use` names; a file is looked for beside the scenario, then in the working directory.

    Raises:
        NoSuchProgram: there is no such module, file or class, it cannot be loaded, or it is no reconciler.
    """
    place, colon, name = use.rpartition(":")
    if not colon or not place or not name:
        raise NoSuchProgram(
            f"'{use[:80]}' names no class", "Write package.module:Class or folder/file.py:Class."
        )
    module = _module(place, directory)
    found = getattr(module, name, None)
    if found is None:
        known = [
            key
            for key, value in vars(module).items()
            if isinstance(value, type) and issubclass(value, Reconciler)
        ]
        raise NoSuchProgram(f"{place} has no '{name}'", did_you_mean(name, known, "reconcilers"))
    if not (isinstance(found, type) and issubclass(found, Reconciler)):
        raise NoSuchProgram(f"{use} is no reconciler", "Derive it from kcsim.api.kit.queue.Reconciler.")
    return found


def _module(place: str, directory: str | None) -> ModuleType:
    try:
        if place.endswith(".py"):
            return _from_file(place, directory)
        with _importing_from(Path.cwd()):
            return importlib.import_module(place)
    except NoSuchProgram:
        raise
    except ModuleNotFoundError as error:
        remedy = "Is it installed, or below the working directory? A file is written folder/file.py:Class."
        raise NoSuchProgram(str(error), remedy) from error
    except Exception as error:
        raise NoSuchProgram(f"{place} cannot be loaded: {type(error).__name__}: {error}") from error


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Modules in a folder can be imported meanwhile; those that are found elsewhere come first."""
    place = str(folder)
    if place in sys.path:
        yield
        return
    sys.path.append(place)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(place)


def _from_file(place: str, directory: str | None) -> ModuleType:
    candidates = [Path(directory or ".") / place, Path(place)]
    file = next((path.resolve() for path in candidates if path.is_file()), None)
    if file is None:
        raise NoSuchProgram(f"there is no file {place}", "Its path is relative to the scenario file.")
    for module in list(sys.modules.values()):  # a test module, say, that is loaded under a name of its own
        if getattr(module, "__file__", None) == str(file) and module.__name__ != "__main__":
            return module
    name = f"kcsim_controller_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None, "a .py file has a spec"
    assert spec.loader is not None, "and a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        with _importing_from(file.parent):  # as Python does for a script: its neighbours are found
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def use_of(made: type[Reconciler]) -> str:
    """How a scenario names a class: by its file when it is loaded from below the working directory, else by its module.

    Raises:
        NoSuchProgram: it is defined inside a function, where nobody else can find it.
    """
    if "<locals>" in made.__qualname__ or "." in made.__qualname__:
        raise NoSuchProgram(
            f"{made.__qualname__} is defined inside something else", "Define it at the top of a module."
        )
    file = getattr(sys.modules.get(made.__module__), "__file__", None)
    if file is not None and made.__module__.partition(".")[0] != "kcsim":
        path = Path(file).resolve()
        if path.is_relative_to(Path.cwd()):
            return f"{path.relative_to(Path.cwd()).as_posix()}:{made.__qualname__}"
    return f"{made.__module__}:{made.__qualname__}"
