"""Globs as Argo CD matches them.  Pure.

**Imitates:** argo-cd util/glob/glob.go over gobwas/glob: `*` stops at separators, `**` does not, `?`, `[abc]`, `[!a-z]`,
`{one,two}`, backslash.  Without separators both stars match anything.  A pattern that cannot be read matches nothing.

**Walk:** pattern -> `compiled` -> `matches`.
"""

from __future__ import annotations

import re
from functools import lru_cache


def matches(pattern: str, text: str, separators: str = "") -> bool:
    """Whether a text matches a glob as a whole."""
    if pattern == text or pattern == "**" or (pattern == "*" and not separators):
        return True
    found = compiled(pattern, separators)
    return found is not None and found.fullmatch(text) is not None


def matches_or_denies(pattern: str, text: str, separators: str = "") -> bool:
    """As `matches`; a pattern with a leading `!` matches what the rest of it does not (`globMatch` with negation)."""
    if is_denying(pattern):
        return not matches(pattern[1:], text, separators)
    return pattern == "*" or matches(pattern, text, separators)


def is_denying(pattern: str) -> bool:
    """Whether a pattern begins with `!`."""
    return pattern.startswith("!")


@lru_cache(maxsize=4096)
def compiled(pattern: str, separators: str = "") -> re.Pattern[str] | None:
    """The expression behind a glob; None when the glob cannot be read."""
    one = f"[^{re.escape(separators)}]" if separators else "."
    made, depth, at = "", 0, 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "\\" and at < len(pattern):
            made += re.escape(pattern[at])
            at += 1
        elif char == "*":
            several = pattern[at : at + 1] == "*"
            at += several
            made += ".*" if several else f"{one}*"
        elif char == "?":
            made += one
        elif char == "[":
            end = pattern.find("]", at + 1)
            if end < 0:
                return None
            body = pattern[at:end]
            made += f"[^{_class(body[1:])}]" if body.startswith("!") else f"[{_class(body)}]"
            at = end + 1
        elif char == "{":
            depth += 1
            made += "(?:"
        elif char == "}" and depth:
            depth -= 1
            made += ")"
        elif char == "," and depth:
            made += "|"
        else:
            made += re.escape(char)
    if depth:
        return None
    try:
        return re.compile(made, re.DOTALL)
    except re.error:
        # A range the wrong way round, for one: upstream logs it, and nothing matches.
        return None


def _class(body: str) -> str:
    return body.replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
