"""What the makers of objects share."""

from __future__ import annotations

from collections.abc import Callable

from kcsim.api import quantity
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


def amounts(arguments: Arguments, flag: str) -> dict[str, str]:
    """``cpu=1,memory=1Gi`` as a mapping (``pkg/generate/versioned``, populateResourceListV1).

    Raises:
        KubectlError: what is no pair, or no quantity.
    """
    found = {}
    for item in arguments.all(flag):
        name, equals, value = item.partition("=")
        if not equals or "=" in value:
            raise KubectlError(f"error: Invalid argument syntax {item}, expected <resource>=<value>")
        try:
            found[name] = quantity.canonical(value)
        except quantity.QuantityError as error:
            raise KubectlError(f"error: {error}") from None
    return found


def usage(command: str, text: str) -> KubectlError:
    """A refusal that names the help of a command (cmdutil.UsageErrorf)."""
    return KubectlError(f"error: {text}\nSee 'kubectl {command} -h' for help and examples")


def required(arguments: Arguments, flag: str) -> str:
    """The value of a flag that must be given.

    Raises:
        KubectlError: when it is not.
    """
    if not arguments.get(flag):
        raise KubectlError(f'error: required flag(s) "{flag}" not set')
    return arguments.get(flag)
