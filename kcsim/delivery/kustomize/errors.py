"""What a kustomize build refuses, with the file and, where it is known, the place; and what of it has no effect."""

from __future__ import annotations

from dataclasses import dataclass


class KustomizeError(Exception):
    """A build that cannot go on. `line` and `column` count from 1, 0 where the message names no place.

    `entry` is the place (from 1) of the entry of the kustomization that was being carried out, where it is known; kustomize does
    not say it, so neither does the text.
    """

    def __init__(self, file: str, message: str, line: int = 0, column: int = 0) -> None:
        place = f"{file}:{line}:{column}" if line else file
        super().__init__(f"{place}: {message}" if file else message)
        self.file, self.line, self.column, self.message = file, line, column, message
        self.entry: tuple[str, int, int] | None = None

    def in_entry(self, file: str, place: tuple[int, int]) -> None:
        """Note that it came about while the entry at a place of a kustomization file was carried out; the innermost counts."""
        self.entry = self.entry or (file, *place)


@dataclass(frozen=True, slots=True)
class Idle:
    """An entry of a kustomization that is about nothing: kustomize takes it in silence, and it does nothing.

    Attributes:
        file: the kustomization file.
        line: its place, from 1.
        column: the same.
        message: what it selects.
        wanted: the name that is not there, "" where it is about none.
        names: names that it might have meant.
    """

    file: str
    line: int
    column: int
    message: str
    wanted: str = ""
    names: tuple[str, ...] = ()
