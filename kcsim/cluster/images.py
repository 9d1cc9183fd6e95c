"""How the program in an image behaves, as data.

A scenario describes its images under ``images:``; a container runtime plays the description back. Nothing here acts.
All durations are µs and count from the container's start unless said otherwise; in JSON they are Kubernetes'
duration texts.

**Walk:** a scenario's entry -> ``from_json`` -> ``ImageBehaviour`` -> the registry answers a pull with a
``PullResult`` that carries it -> the node's ``ContainerRuntime`` starts containers that behave so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from kcsim.api import quantity
from kcsim.engine.clock import MILLISECOND, SECOND, format_duration, seconds

PULL_OUTCOMES = ("found", "notFound", "error")


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a container's life: ``since`` <= age < ``until`` (µs); None for ``until`` means for ever."""

    since: int = 0
    until: int | None = None

    def covers(self, age: int) -> bool:
        """Whether the container of that age is inside."""
        return age >= self.since and (self.until is None or age < self.until)

    def edges(self) -> tuple[int, ...]:
        """The ages at which something changes."""
        return (self.since,) if self.until is None else (self.since, self.until)


def _digest_of(name: str) -> str:
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Call:
    """A request that a program makes while it answers one.

    Attributes:
        to: the URL, ``http://cart``; names are looked up as in any pod.
        timeout: how long it waits for an answer (µs).
        retries: how often it tries again.
        optional: it answers well although the call failed.
        share: of its requests that need the call.
    """

    to: str
    timeout: int = SECOND
    retries: int = 0
    optional: bool = False
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class ImageBehaviour:
    """What containers of one image do.

    Attributes:
        name: repository and tag, as manifests write it.
        digest: ``sha256:...``.
        size_bytes: what a pull has to fetch.
        pull: ``found``, ``notFound`` or ``error``.
        pull_error: the registry's text when ``pull`` is ``error``.
        starts_after: added to the runtime's own time to create and start the container.
        ready_after: from the start until the program listens and answers.
        crash_after: from the start until it exits with ``exit_code``; None: never.
        crashes: only the first so many containers of a pod crash; None: each.
        exit_code: of a crash.
        exits_after: from the start until it has done its work and exits with 0 (Jobs); None: never, but for init
            containers, which work for a second.
        fails_readiness: when its readiness probe fails though it serves.
        fails_liveness: when its liveness and startup probes fail.
        error_fraction: share of requests answered with a 5xx while ``serves_errors`` lasts.
        serves_errors: when it answers with errors.
        latency: how long it takes to answer a request.
        calls: the requests it makes, one after the other, before it answers one.
        stops_after_sigterm: from SIGTERM until it exits.
        ignores_sigterm: it goes on until SIGKILL.
        ports: where it listens; empty: the ports its container declares or is probed at.
        memory_bytes: what it uses at its start.
        memory_growth: bytes a second it leaks.
        disk_bytes: what it has on its node's disk at its start.
        disk_growth: bytes a second it writes there.
        cpu_milli: what it uses whether or not anybody asks it.
        cpu_per_request: time of a core (µs) that it spends on one request.
        program: name of a simulated program that runs while the container runs, e.g. a Flux controller.
    """

    name: str
    digest: str = ""
    size_bytes: int = 50_000_000
    pull: str = "found"
    pull_error: str = ""
    starts_after: int = 0
    ready_after: int = 0
    crash_after: int | None = None
    crashes: int | None = None
    exit_code: int = 1
    exits_after: int | None = None
    fails_readiness: Window | None = None
    fails_liveness: Window | None = None
    error_fraction: float = 1.0
    serves_errors: Window | None = None
    latency: int = 2 * MILLISECOND
    calls: tuple[Call, ...] = ()
    stops_after_sigterm: int = 100 * MILLISECOND
    ignores_sigterm: bool = False
    ports: tuple[int, ...] = ()
    memory_bytes: int = 0
    memory_growth: int = 0
    disk_bytes: int = 0
    disk_growth: int = 0
    cpu_milli: int = 0
    cpu_per_request: int = 0
    program: str | None = None

    def __post_init__(self) -> None:
        if not self.digest:
            object.__setattr__(self, "digest", _digest_of(self.name))

    @property
    def strains(self) -> bool:
        """Whether its containers use memory or disk at all: only then a node can run out of them."""
        return bool(self.memory_bytes or self.memory_growth or self.disk_bytes or self.disk_growth)

    def errors_at(self, age: int) -> float:
        """The share of requests that fail at that age."""
        window = self.serves_errors
        return self.error_fraction if window is not None and window.covers(age) else 0.0

    def edges(self) -> tuple[int, ...]:
        """The ages (µs, sorted) at which what it serves or how it answers probes changes by itself."""
        edges = {self.ready_after}
        for window in (self.fails_readiness, self.fails_liveness, self.serves_errors):
            if window is not None:
                edges.update(window.edges())
        return tuple(sorted(edges - {0}))


Fetch = Callable[[int, int, Callable[[], None]], Callable[[], None]]


@dataclass(frozen=True, slots=True)
class PullResult:
    """A registry's answer to "give me this image".

    Attributes:
        behaviour: what containers of it do; None when the pull failed.
        error: the text of the failure, as the container runtime would word it; "" when it worked.
        fetch: moves so many bytes from the registry, at so many a second at most, then calls back, and gives what breaks it
            off; None: nothing on the way is narrow.
    """

    behaviour: ImageBehaviour | None
    error: str = ""
    fetch: Fetch | None = None


Resolve = Callable[[str], PullResult]
"""Asks the registry for an image by the name that the manifest has."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with an entry: where inside it, and how to mend it."""

    path: tuple[str | int, ...]
    message: str


def _duration(value: Any) -> int:
    us = seconds(value)
    if us < 0:
        raise ValueError("a duration cannot be negative")
    return us


def _size(value: Any) -> int:
    return quantity.value(value)


def _milli(value: Any) -> int:
    return quantity.milli(value)


def _window(value: Any) -> Window | None:
    if isinstance(value, bool):
        return Window() if value else None
    if not isinstance(value, Mapping):
        raise ValueError("give true, or {from: 30s, until: 1m}")  # noqa: TRY004 - one kind of fault for the caller
    extra = sorted(set(value) - {"from", "until", "fraction"})
    if extra:
        raise ValueError(f"has no field {extra[0]!r}; it has from and until")
    until = None if value.get("until") is None else _duration(value["until"])
    return Window(_duration(value.get("from", 0)), until)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("give true or false")  # noqa: TRY004
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("give a text")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("give a whole number, 0 or more")
    return value


def _ports(value: Any) -> tuple[int, ...]:
    ports = value if isinstance(value, list) else [value]
    if not all(isinstance(p, int) and 0 < p < 65536 for p in ports):
        raise ValueError("give port numbers between 1 and 65535")
    return tuple(ports)


_CALL_KEYS = ("to", "timeout", "retries", "optional", "share")


def _calls(value: Any) -> tuple[Call, ...]:
    entries = value if isinstance(value, list | tuple) else [value]
    return tuple(map(_call, entries))


def _call(entry: Any) -> Call:
    if isinstance(entry, str):
        entry = {"to": entry}
    if not isinstance(entry, Mapping) or "to" not in entry:
        raise ValueError("give URLs, or {to: http://cart, timeout: 500ms}")
    extra = sorted(set(entry) - set(_CALL_KEYS))
    if extra:
        raise ValueError(f"a call has no field {extra[0]!r}; it has {', '.join(_CALL_KEYS)}")
    to = _text(entry["to"])
    parts = urlsplit(to)
    if not parts.hostname or parts.scheme not in ("http", "https") or parts.port == 0:
        raise ValueError(f"{to!r} is no URL: write http://cart, or http://cart.shop:8080/items")
    timeout = _duration(entry.get("timeout", "1s"))
    if timeout <= 0:
        raise ValueError("a call needs a timeout of more than 0")
    share = entry.get("share", 1.0)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ValueError("give a share between 0 and 1")
    optional = _flag(entry.get("optional", False))
    return Call(to, timeout, _count(entry.get("retries", 0)), optional, float(share))


def _call_json(call: Call) -> Any:
    data: dict[str, Any] = {"to": call.to}
    if call.timeout != SECOND:
        data["timeout"] = format_duration(call.timeout)
    if call.retries:
        data["retries"] = call.retries
    if call.optional:
        data["optional"] = True
    if call.share != 1.0:
        data["share"] = call.share
    return data if len(data) > 1 else call.to


# JSON key -> (attribute, reader). The order is the one of to_json.
_FIELDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "name": ("name", _text),
    "digest": ("digest", _text),
    "size": ("size_bytes", _size),
    "startsAfter": ("starts_after", _duration),
    "readyAfter": ("ready_after", _duration),
    "crashAfter": ("crash_after", _duration),
    "crashes": ("crashes", _count),
    "exitCode": ("exit_code", _count),
    "exitsAfter": ("exits_after", _duration),
    "failsReadiness": ("fails_readiness", _window),
    "failsLiveness": ("fails_liveness", _window),
    "latency": ("latency", _duration),
    "calls": ("calls", _calls),
    "stopsAfterSigterm": ("stops_after_sigterm", _duration),
    "ignoresSigterm": ("ignores_sigterm", _flag),
    "ports": ("ports", _ports),
    "memory": ("memory_bytes", _size),
    "memoryGrowth": ("memory_growth", _size),
    "disk": ("disk_bytes", _size),
    "diskGrowth": ("disk_growth", _size),
    "cpu": ("cpu_milli", _milli),
    "cpuPerRequest": ("cpu_per_request", _duration),
    "program": ("program", _text),
}
KEYS: tuple[str, ...] = (*_FIELDS, "pull", "servesErrors")
"""Every key an entry may have."""


def _read_pull(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping) and set(value) == {"error"}:
        return {"pull": "error", "pull_error": _text(value["error"])}
    if value not in PULL_OUTCOMES:
        raise ValueError(f"give one of {', '.join(PULL_OUTCOMES)}, or {{error: TEXT}}")
    return {"pull": value}


def _read_serves_errors(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"serves_errors": _window(value)}
    fraction = value.get("fraction", 1.0) if isinstance(value, Mapping) else value
    if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 <= fraction <= 1:
        raise ValueError("give a share between 0 and 1, or {fraction: 0.1, from: 30s, until: 1m}")
    window = _window(value) if isinstance(value, Mapping) else Window()
    return {"serves_errors": window, "error_fraction": float(fraction)}


def from_json(data: Any) -> tuple[ImageBehaviour | None, list[Problem]]:
    """Read one entry of a scenario's ``images:``.

    Returns:
        The behaviour, or None when there are problems; and every problem, with its path inside the entry.
    """
    if not isinstance(data, Mapping):
        return None, [Problem((), "an image is a mapping with at least a name")]
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in data.items():
        try:
            if key == "pull":
                found.update(_read_pull(value))
            elif key == "servesErrors":
                found.update(_read_serves_errors(value))
            elif key in _FIELDS:
                attribute, read = _FIELDS[key]
                found[attribute] = read(value)
            else:
                problems.append(Problem((key,), _unknown(key)))
        except (ValueError, TypeError) as error:
            problems.append(Problem((key,), f"{key}: {error}"))
    if "name" not in data:
        problems.append(
            Problem((), "an image needs a name: repository and tag, e.g. registry.example/web:1.0")
        )
    if found.get("crash_after") is not None and found.get("exits_after") is not None:
        problems.append(Problem(("exitsAfter",), "crashAfter and exitsAfter exclude each other"))
    return (None, problems) if problems else (ImageBehaviour(**found), [])


def _unknown(key: object) -> str:
    near = get_close_matches(str(key), KEYS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(sorted(KEYS))}"
    return f"an image has no field {key!r}; {hint}"


def _window_json(window: Window) -> Any:
    if window == Window():
        return True
    data: dict[str, Any] = {"from": format_duration(window.since)}
    if window.until is not None:
        data["until"] = format_duration(window.until)
    return data


_DURATIONS = {
    "startsAfter",
    "readyAfter",
    "crashAfter",
    "exitsAfter",
    "latency",
    "stopsAfterSigterm",
    "cpuPerRequest",
}


def to_json(image: ImageBehaviour) -> dict[str, Any]:
    """The entry that ``from_json`` reads back as the same behaviour; defaults are left out."""
    defaults = {f.name: f.default for f in fields(ImageBehaviour)}
    defaults["digest"] = _digest_of(image.name)
    data: dict[str, Any] = {}
    for key, (attribute, _) in _FIELDS.items():
        value = getattr(image, attribute)
        if value == defaults[attribute] and key != "name":
            continue
        if isinstance(value, Window):
            value = _window_json(value)
        elif key in _DURATIONS:
            value = format_duration(value)
        elif key == "cpu":
            value = f"{value}m"
        elif key == "calls":
            value = [_call_json(call) for call in value]
        elif isinstance(value, tuple):
            value = list(value)
        data[key] = value
    if image.pull == "error":
        data["pull"] = {"error": image.pull_error} if image.pull_error else "error"
    elif image.pull != "found":
        data["pull"] = image.pull
    if image.serves_errors is not None:
        window = _window_json(image.serves_errors)
        data["servesErrors"] = {
            "fraction": image.error_fraction,
            **(window if isinstance(window, dict) else {}),
        }
    return data
