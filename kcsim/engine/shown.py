"""Values that show themselves in a notebook: text beside HTML, and SVG where there is a picture.

Lives at the bottom so that every value can inherit it; how a value looks is the notebook's business, and is looked up
there by name when a notebook asks. Nothing of it is loaded before.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from kcsim.engine.extras import needed

_LOOKS = "kcsim.notebook.representations"


class Shown:
    """Mixed into what the façade returns."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """``{mime type: text}`` as Jupyter, VS Code and marimo ask for it."""
        _ = include, exclude  # hints that may be passed over
        bundle: dict[str, Any] = import_module(_LOOKS).bundle(self)
        return bundle

    def _repr_html_(self) -> str:
        """The HTML alone, for hosts that ask for nothing else."""
        return str(self._repr_mimebundle_()["text/html"])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 - as IPython calls it
        """The plain text of lists and tuples too, which IPython would print item by item."""
        printer.text(str(self))


class Tabular(Shown):
    """What has rows, besides: as plain data, and as a data frame."""

    __slots__ = ()

    def to_records(self) -> list[dict[str, Any]]:
        """A dict a row, with the same keys in each."""
        raise NotImplementedError

    def to_frame(self) -> Any:
        """The rows as a ``pandas.DataFrame``.

        Raises:
            MissingExtra: pandas is not installed.
        """
        pandas = needed("pandas", "to_frame()", "pandas", "to_records() gives the same rows as plain dicts")
        return pandas.DataFrame.from_records(self.to_records())
