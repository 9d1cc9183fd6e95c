"""What ``kubectl explain`` says of kinds and fields: kcsim's own words, as data beside this module.

Differs: upstream's sentences are not shipped; these say the same in other words, and what kcsim does not model.

A file holds the definitions of one group and version and is named after them (``io.k8s.api.apps.v1.ini``). A section is a
definition (``[Deployment]``), of a custom resource also the way to a part of it (``[Kustomization.spec]``), or several, or
patterns; ``.`` is the thing itself, all else are its fields. ``shared.ini`` holds what many groups have,
``values.ini`` the values that a field may have.

**Walk:** definition and field -> the file of the definition, read once, then the shared one -> the first section that fits and
has the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources

from kcsim.api import not_modelled

SELF = "."
"""The key of a section's own description."""


def description(prefix: str, section: str, field: str = SELF) -> str:
    """What a definition, or a field of it, is for; "" where nothing is written about it.

    Args:
        prefix: group and version, ``io.k8s.api.apps.v1``; what has no file is somebody else's, and nothing is said of it.
            "" for what every kind has.
        section: the definition without them, ``Deployment``.
        field: its field, or ``SELF``.
    """
    is_ours = not prefix or bool(_file(prefix))
    text = _found(prefix, section, field) or (_found("shared", section, field) if is_ours else "")
    why = not_modelled.why(f"{prefix}.{section}", field) if field != SELF else ""
    return " ".join(filter(None, (text, f"kcsim does not model it: {why}." if why else "")))


def values(section: str, field: str) -> list[str]:
    """The values that a field of a definition may have; none where any may stand."""
    return _found("values", section, field).split()


def _found(file: str, section: str, field: str) -> str:
    for names, fields in _file(file).items():
        if field in fields and any(fnmatchcase(section, each) for each in names.split()):
            return fields[field]
    return ""


@cache
def _file(name: str) -> Mapping[str, Mapping[str, str]]:
    import configparser  # explain alone asks

    found = resources.files(__package__) / f"{name}.ini"
    if not found.is_file():
        return {}
    parser = configparser.ConfigParser(
        delimiters=(":",), comment_prefixes=("#",), interpolation=None, empty_lines_in_values=False
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names of fields are not words in lower case
    parser.read_string(found.read_text("utf-8"), source=f"{name}.ini")
    return {
        section: {field: " ".join(text.split()) for field, text in parser.items(section)}
        for section in parser.sections()
    }
