"""Names made of any text.  Pure.

**Imitates:** argo-cd applicationset/utils/template_functions.go (`SanitizeName`), utils.go (`SlugifyName`), and gosimple/slug
as they configure it.  Left out: the transliteration of scripts; letters without accent only lose it.

**Walk:** a branch, directory or title -> `sanitized` or `slug` -> part of the name of an Application.
"""

from __future__ import annotations

import re
import unicodedata

_NAME_LENGTH = 253
SLUG_LENGTH = 50


def sanitized(text: str) -> str:
    """A text as the name of an object: lower case, other characters as dashes, neither dash nor dot at its ends."""
    return re.sub(r"[^-a-z0-9.]", "-", text.lower())[:_NAME_LENGTH].strip("-.")


def slug(text: str, length: int = SLUG_LENGTH, *, smart: bool = True) -> str:
    """A text as a label: letters, digits and dashes, cut to `length`; `smart` cuts between words where it can.

    A negative or zero `length` cuts nothing.
    """
    plain = unicodedata.normalize("NFKD", text.strip()).encode("ascii", "ignore").decode()
    spoken = plain.replace("&", " and ").replace("@", " at ").lower().replace("_", "-")
    made = re.sub(r"-+", "-", re.sub(r"[^a-z0-9-]", "-", spoken)).strip("-")
    if length <= 0 or len(made) <= length:
        return made
    if not smart:
        return made[:length].strip("-")
    words = made.split("-")
    kept = words[0]
    if len(kept) > length:
        return kept[:length]
    for word in words[1:]:
        if len(kept) + 1 + len(word) > length:
            break
        kept += f"-{word}"
    return kept
