"""What a kustomize build refuses, with the file and, where it is known, the place."""

from __future__ import annotations


class KustomizeError(Exception):
    """A build that cannot go on. `line` and `column` count from 1, 0 where no single place is to blame."""

    def __init__(self, file: str, message: str, line: int = 0, column: int = 0) -> None:
        place = f"{file}:{line}:{column}" if line else file
        super().__init__(f"{place}: {message}" if file else message)
        self.file, self.line, self.column, self.message = file, line, column, message
