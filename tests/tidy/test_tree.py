"""What no file of the tree may hold: paths of the machine it was written on, hosts of package registries, leftovers."""

from __future__ import annotations

import re

from tests.tidy.tree import text_of, tracked

# Spelled so that this file does not hold what it looks for.
FORBIDDEN = {
    "a path of a machine": re.compile(r"(?<![\w.~])/(?:root|home/\w+|work|Users/\w+)/(?=\w)"),
    "a package registry's host": re.compile(
        r"py" r"pi\.org|python" r"hosted|npm" r"js\.(?:org|com)|deb\.debian\.org"
    ),
    "a leftover": re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b|^(?:<{7}|>{7}) ", re.MULTILINE),
}
EXEMPT = {
    "tests/vectors/cases/": "cases recorded elsewhere, kept as they came",
    "LICENSE": "the licence's own text",
}


def test_no_file_holds_what_only_its_author_has() -> None:
    found = []
    for name in tracked():
        text = None if name.startswith(tuple(EXEMPT)) else text_of(name)
        for what, pattern in FORBIDDEN.items():
            for match in pattern.finditer(text or ""):
                line = (text or "").count("\n", 0, match.start()) + 1
                found.append(f"{name}:{line}: {what}: {match[0]}")
    assert not found, "\n".join(found)


def test_text_files_end_with_one_newline_and_hold_no_trailing_blanks() -> None:
    wrong = []
    for name in tracked():
        if not name.endswith((".py", ".md", ".yaml", ".toml", "Makefile")):
            continue
        text = text_of(name)
        if text and (
            not text.endswith("\n") or text.endswith("\n\n") or re.search(r"[ \t]+$", text, re.MULTILINE)
        ):
            wrong.append(name)
    assert not wrong, ", ".join(wrong)
