"""Types of arguments and options: each says what it takes, refuses the rest with a remedy, and completes.

Heavy modules are imported when a value is read, so that `kcsim --help` stays quick.
"""

# ruff: noqa: ARG002 - click calls these methods with more than they need

from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from kcsim.cli.problems import BadInput


class ScenarioName(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.3 on
    """A scenario: a path or a gallery name. What is wrong with it is told by whoever loads it."""

    name = "scenario"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Gallery names, lessons and scenario files here; where none fits, whatever the shell knows of files.

        The two cannot be mixed: bash's script forgets the words before an item of the type `file`.
        """
        from kcsim.scenario.shipped import SUFFIXES, gallery, lessons

        here = sorted(path.name for path in Path().iterdir() if path.suffix in SUFFIXES)
        names = [word for word in (*gallery(), *lessons(), *here) if word.startswith(incomplete)]
        return [CompletionItem(name) for name in names] or [CompletionItem(incomplete, type="file")]


class DeliveryName(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.3 on
    """A delivery of the scenario; whether there is such a one is told by whoever loads it."""

    name = "delivery"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Those of the scenarios already on the command line."""
        from kcsim.scenario.load import examine

        given = ctx.params.get("scenarios") or ctx.params.get("scenario")
        if not given:  # click reads no further than the option that waits for this value
            given = [word for word in ctx.args if not word.startswith("-")]
        names: dict[str, None] = {}
        for scenario in [given] if isinstance(given, str) else given:
            loaded = examine(scenario).scenario
            names.update(dict.fromkeys(loaded.deliveries if loaded is not None else ()))
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class Seed(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.3 on
    """The seed of all dice: what a scenario's own `seed` may be."""

    name = "seed"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """A whole number from 0 to a thousand million."""
        text = str(value)
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= 10**9):
            raise BadInput(
                f"{_flag(param)}: '{_short(text)}' is no seed", "Write a whole number from 0 to 1000000000."
            )
        return int(text)


class OrderName(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.3 on
    """In what order the events of one instant happen."""

    name = "order"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """A text of ``kcsim.engine.order``."""
        from kcsim.engine.ordered import engine_for

        try:
            engine_for(0, str(value))
        except ValueError as error:
            raise BadInput(f"{_flag(param)}: {error}", "See `kcsim run --help`.") from None
        return str(value)


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.3 on
    """A stretch of virtual time, kept as it was written: "30s", "1m30s", "2h"."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check it; more than zero, and less than ten thousand days."""
        from kcsim.engine.clock import DAY, seconds

        text = str(value)
        try:
            length = seconds(text)
        except ValueError:
            length = None
        if length is None or not 0 < length <= 10_000 * DAY:
            raise BadInput(
                f"{_flag(param)}: '{_short(text)}' is not a duration", 'Write it like "30s", "1m30s" or "2h".'
            )
        return text


class Folder(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.3 on
    """A folder by its path."""

    name = "folder"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Any path that a file system could hold."""
        if not str(value) or "\0" in str(value):
            raise BadInput(f"{_flag(param)}: this is no path", "Name a folder.")
        return Path(str(value))

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Folders."""
        return [CompletionItem(incomplete, type="dir")]


def _flag(param: click.Parameter | None) -> str:
    if param is None:
        return "value"
    return param.opts[0] if isinstance(param, click.Option) else (param.human_readable_name or "value")


def _short(text: str) -> str:
    shown = "".join(char if char.isprintable() else "?" for char in text[:60])
    return shown + ("..." if len(text) > 60 else "")
