"""Clients as a person describes them to the façade: texts for times and rates, in the words of scenarios."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from kcsim.cluster.traffic.arrivals import exact_rate
from kcsim.cluster.traffic.demand import Demand
from kcsim.cluster.traffic.retries import DEFAULT_BACKOFF, NONE, Retries
from kcsim.cluster.traffic.source import KeepAlive
from kcsim.engine.clock import seconds

Time = str | float
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)/(s|m|h)")
_PER = {"s": 1, "m": 60, "h": 3600}


def source_options(
    to: str,
    *,
    rate: str | float | None = None,
    users: int | None = None,
    think: Time = "1s",
    namespace: str = "default",
    port: int | str | None = None,
    source: str = "",
    entry: str = "",
    gateway: str = "",
    headers: Mapping[str, str] | None = None,
    timeout: Time = "1s",
    retries: int | Retries = 0,
    keep_alive: int | KeepAlive | None = None,
    each: bool = False,
) -> dict[str, Any]:
    """The arguments of ``TrafficSource`` that these words mean.

    Args:
        to: ``service/web``, or a URL.
        rate: requests a second, or ``20/s``, ``600/m``; or ``users`` of a closed loop, who ``think`` after each answer.
        source: the pods that ask, ``deployment/cart``; a node or another host; users outside when empty.
        retries: tries after the first, or when and how often in full.
        keep_alive: how many connections are kept open, or that and their age.

    Raises:
        ValueError: a rate or a target that cannot be read, neither or both of rate and users.
    """
    kind, _, name = to.partition("/")
    is_service = kind in ("service", "services", "svc") and bool(name) and "/" not in name
    if not is_service and "://" not in to:
        raise ValueError(f"{to!r} is no Service and no URL: write service/web or http://web.shop/cart")
    if (rate is None) == (users is None):
        raise ValueError("give a rate (open loop) or users (closed loop), one of the two")
    options: dict[str, Any] = {
        "service": name if is_service else "",
        "url": "" if is_service else to,
        "headers": tuple((headers or {}).items()),
        "namespace": namespace,
        "port": port,
        "demand": Demand(_rate(rate) if rate is not None else Fraction(0), users or 0, seconds(think)),
        "timeout": seconds(timeout),
        "entry": entry,
        "gateway": gateway,
        "retries": _retries(retries),
        "keep_alive": KeepAlive(keep_alive) if isinstance(keep_alive, int) else keep_alive,
        "aggregate": not each,
    }
    if "/" in source:
        options["workload"] = source
    elif source:
        options["source"] = source
    return options


def _rate(rate: str | float) -> Fraction:
    if not isinstance(rate, str):
        return exact_rate(rate)
    match = _RATE.fullmatch(rate)
    if match is None:
        raise ValueError(f"{rate!r} is no rate: write 20/s, 600/m, 10/h or requests a second")
    return exact_rate(Fraction(match[1]) / _PER[match[2]])


def _retries(retries: int | Retries) -> Retries:
    if isinstance(retries, Retries):
        return retries
    return Retries(retries, DEFAULT_BACKOFF) if retries else NONE
