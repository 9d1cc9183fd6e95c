"""Whom a request is for: a Service by its object, or a URL whose host is a name."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from kcsim.api.objects import Key
from kcsim.cluster.dns.records import ZONE
from kcsim.cluster.podnet.plane import Ask

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a request is for.

    Attributes:
        key: namespace and name of the Service, where it is given as an object.
        host: the name in the URL, "" for a Service given as an object.
        port: number or name; None: the Service's first.
        ask: what the request says of itself.
    """

    key: Key | None
    host: str
    port: int | str | None
    ask: Ask

    def name_in(self, namespace: str) -> str:
        """The name that a program in a namespace asks its resolver for."""
        if self.key is None:
            return self.host
        home, name = self.key
        return name if home == namespace else f"{name}.{home}"

    @property
    def is_address(self) -> bool:
        """Whether an address is asked, which nobody looks up."""
        return _is_address(self.host)

    def key_in(self, namespace: str) -> Key | None:
        """The Service that the name means where nobody resolves names; None: it is no Service's name."""
        if self.key is not None:
            return self.key
        return key_of(self.host, namespace)


def key_of(host: str, namespace: str) -> Key | None:
    """The Service that a name means in a namespace: ``web``, ``web.shop``, ``web.shop.svc`` or in full."""
    short = host.removesuffix(f".svc.{ZONE}").removesuffix(".svc").split(".")
    if len(short) > 2 or not all(short):
        return None
    return (short[1] if len(short) == 2 else namespace, short[0])


def of_service(namespace: str, name: str, port: int | str | None = None, ask: Ask | None = None) -> Target:
    """A Service given as an object."""
    return Target((namespace, name), "", port, ask or Ask(f"{name}.{namespace}"))


@lru_cache(maxsize=1024)
def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def of_url(url: str, headers: tuple[tuple[str, str], ...] = ()) -> Target:
    """What a URL means.

    Raises:
        ValueError: it names no host, or its port is none.
    """
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
    except ValueError as error:
        raise ValueError(f"{url!r} is no URL: {error}") from None
    if not parts.hostname or parts.scheme not in _PORTS:
        raise ValueError(f"{url!r} is no URL of a host: write http://web or http://web.shop:8080/path")
    try:
        port = parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise ValueError(f"{url!r} names a port that is none: write a number from 1 to 65535") from None
    return Target(None, parts.hostname, port, Ask(parts.hostname, parts.path or "/", "GET", headers))
