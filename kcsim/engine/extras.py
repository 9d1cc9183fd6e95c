"""Libraries that kcsim can use and does not need: loaded when asked for, and told plainly when they are not there."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class MissingExtra(ImportError):
    """Something was asked for that needs a library which is not installed; the message says how to install it."""


def needed(module: str, asked: str, install: str, instead: str = "") -> Any:
    """A module of a library that may not be there.

    Args:
        module: what to import.
        asked: what somebody asked for, ``to_frame()``.
        install: what pip is given.
        instead: what can be done without it.

    Raises:
        MissingExtra: it is not installed.
    """
    library = module.partition(".")[0]
    try:
        import_module(library)
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != library:
            raise  # it is there, and broken: its own words help more
        other = f"; {instead}" if instead else ""
        raise MissingExtra(
            f"{asked} needs {library}, which is not installed: pip install '{install}'{other}", name=library
        ) from None
