"""How long the API takes, and how fast clients may ask: constants with their sources.

Latencies are starting points of the reference (kubernetes-workloads, 16.3), shaped as medians and 99th percentiles;
limits are the defaults of the named components. The numbers stand in ``kcsim.profile.rows``.
"""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.profile.constants import DEFAULT, Profile
from kcsim.profile.distributions import Distribution

_WRITE = DEFAULT.delay("kube-apiserver/write-latency")
_READ = DEFAULT.delay("kube-apiserver/read-latency")
_WATCH = DEFAULT.delay("kube-apiserver/watch-latency")
_REACTION = DEFAULT.delay("client-go/controller-reaction")
_DIAL_TIMEOUT = DEFAULT.us("client-go/dial-timeout")
_RECONNECT_FIRST = DEFAULT.us("client-go/reflector-backoff-initial")
_RECONNECT_MOST = DEFAULT.us("client-go/reflector-backoff-max")


@dataclass(frozen=True, slots=True)
class ApiProfile:
    """Delays of the API server and its watches (all µs)."""

    write: Distribution = _WRITE
    """A write including the etcd commit."""
    read: Distribution = _READ
    """A read from the watch cache."""
    watch: Distribution = _WATCH
    """From a write to the event at a watcher."""
    reaction: Distribution = _REACTION
    """From an event at an informer to a worker taking the key."""
    dial_timeout: int = _DIAL_TIMEOUT
    """Go's default dialer gives up on a silent address after this long."""
    reconnect_first: int = _RECONNECT_FIRST
    """Reflector back-off: this long, doubling up to the most, jitter 1.0."""
    reconnect_most: int = _RECONNECT_MOST


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """A client's token bucket: requests a second, and how many at once. ``qps`` 0 means no limit."""

    qps: float
    burst: int


def limits_of(component: str, profile: Profile = DEFAULT) -> ClientLimits:
    """A component's default limits (``--kube-api-qps``, ``--kube-api-burst``)."""
    qps, burst = profile.number(f"{component}/kube-api-qps"), profile.count(f"{component}/kube-api-burst")
    return ClientLimits(qps, burst)


CONTROLLER_MANAGER = limits_of("kube-controller-manager")
"""For each controller."""
SCHEDULER = limits_of("kube-scheduler")
KUBELET = limits_of("kubelet")
KUBE_PROXY = limits_of("kube-proxy")
KUBECTL = limits_of("kubectl")
UNLIMITED = ClientLimits(0, 0)
