"""What somebody has reached in the lessons, kept in a file of theirs: never in a project or a repository.

The file is ``kcsim/lessons.json`` below ``XDG_DATA_HOME``, or below ``~/.local/share`` where that is not set (XDG Base Directory
Specification 0.8). Nothing is written before a lesson was passed. A file that cannot be read is kept beside the new one.

**Walk:** ``Progress.of_user`` -> ``best`` for the gallery -> ``passed`` after the checks, which keeps the better one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = Path("kcsim") / "lessons.json"


@dataclass(frozen=True, slots=True, order=True)
class Best:
    """The best so far in one lesson: its points, and stars of three."""

    points: int
    stars: int


class Progress:
    """The lessons that one person has passed.

    Attributes:
        path: the file; None keeps everything in memory only.
        fault: why the file could not be read or written, in a line; "" while all is well.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Of a file, which need not be there."""
        self.path = path
        self.fault = ""
        self._best = self._read()

    @classmethod
    def of_user(cls, environment: Mapping[str, str] | None = None) -> Progress:
        """Of the person who runs kcsim."""
        given = os.environ if environment is None else environment
        base = given.get("XDG_DATA_HOME", "")
        # A relative path is to be ignored, says the specification.
        folder = (
            Path(base)
            if Path(base).is_absolute()
            else Path(given.get("HOME", "~")).expanduser() / ".local/share"
        )
        return cls(folder / FILE)

    def best(self, lesson: str) -> Best | None:
        """The best so far; None: not passed yet."""
        return self._best.get(lesson)

    @property
    def count(self) -> int:
        """How many lessons have been passed."""
        return len(self._best)

    def passed(self, lesson: str, points: int, stars: int) -> None:
        """Keep what was reached, when it is better than before."""
        now = Best(points, stars)
        before = self._best.get(lesson)
        if before is not None and before >= now:
            return
        self._best[lesson] = now
        if self.path is not None:
            self._write(self.path)

    def _read(self) -> dict[str, Best]:
        if self.path is None:
            return {}
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            return {
                str(name): Best(int(each["points"]), int(each["stars"]))
                for name, each in kept["best"].items()
            }
        except FileNotFoundError:
            return {}
        except OSError as error:
            self.fault = f"{self.path} cannot be read: {error.strerror or error}"
        except (ValueError, TypeError, KeyError, AttributeError):
            self.fault = f"{self.path} holds no progress of lessons; it is kept as {self.path.name}.old"
            self._set_aside(self.path)
        return {}

    def _set_aside(self, path: Path) -> None:
        try:
            path.replace(path.with_name(f"{path.name}.old"))
        except OSError as error:
            self.fault = f"{path} cannot be set aside: {error.strerror or error}"

    def _write(self, path: Path) -> None:
        """In one step, so that a full disk leaves the old file."""
        text = json.dumps(
            {"best": {name: asdict(best) for name, best in sorted(self._best.items())}}, indent=2
        )
        fresh = path.with_name(f"{path.name}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(text + "\n", encoding="utf-8")
            fresh.replace(path)
        except OSError as error:
            self.fault = f"{path} cannot be written: {error.strerror or error}"
