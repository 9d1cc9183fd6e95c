"""What the makers of objects share."""

from __future__ import annotations

from collections.abc import Callable

from kcsim.api.objects import Object
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError, Session

Maker = Callable[[Session, Arguments, str, str], Object]
"""The object for (session, flags, name, kind as typed)."""


def head(version: str, kind: str, name: str) -> Object:
    """An object with nothing in it."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}


def plain(version: str, kind: str) -> Maker:
    """The maker of objects that have but a name."""

    def maker(session: Session, arguments: Arguments, name: str, what: str) -> Object:
        del session, arguments, what
        return head(version, kind, name)

    return maker


def number(text: str) -> int | str:
    """A number where the text is one."""
    return int(text) if text.isdigit() else text


def pairs(items: list[str]) -> dict[str, str]:
    """``a=b`` items as a mapping."""
    return {key: value for key, _, value in (item.partition("=") for item in items if item)}


def required(arguments: Arguments, flag: str) -> str:
    """The value of a flag that must be given.

    Raises:
        KubectlError: when it is not.
    """
    if not arguments.get(flag):
        raise KubectlError(f'error: required flag(s) "{flag}" not set')
    return arguments.get(flag)
