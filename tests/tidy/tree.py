"""The tree as the tidy tests read it: tracked files, and the parsed modules of kcsim."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of kcsim, by its path from the root, parsed."""
    files = sorted((ROOT / "kcsim").rglob("*.py"))
    return {f.relative_to(ROOT).as_posix(): ast.parse(f.read_text("utf-8"), str(f)) for f in files}


@cache
def tracked() -> tuple[str, ...]:
    """The files that git keeps, or would keep once added; every file of an unpacked source archive."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if found.returncode == 0:
        names = found.stdout.decode().split("\0")
    else:
        names = [
            f.relative_to(ROOT).as_posix() for f in ROOT.rglob("*") if f.relative_to(ROOT).parts[0] != ".venv"
        ]
    return tuple(sorted(name for name in names if name and (ROOT / name).is_file()))


def text_of(name: str) -> str | None:
    """A tracked file's text; None when it is not text."""
    data = (ROOT / name).read_bytes()
    try:
        return None if b"\0" in data else data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def pages() -> tuple[str, ...]:
    """The pages people read: README, CONTRIBUTING, CHANGELOG and docs/."""
    return tuple(
        name for name in tracked() if name.endswith(".md") and not name.startswith((".", "tests/vectors"))
    )
