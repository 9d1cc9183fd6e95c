"""How long the API takes, and how fast clients may ask: constants with their sources.

Latencies are starting points of the reference (kubernetes-workloads, 16.3), shaped as medians and 99th percentiles;
limits are the defaults of the named components.
"""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.profile.distributions import Distribution, Skewed

MS = 1_000


@dataclass(frozen=True, slots=True)
class ApiProfile:
    """Delays of the API server and its watches (all µs)."""

    write: Distribution = Skewed(6 * MS, 60 * MS)
    """A write including the etcd commit (workloads reference, 16.3)."""
    read: Distribution = Skewed(2 * MS, 20 * MS)
    """A read from the watch cache (16.3)."""
    watch: Distribution = Skewed(5 * MS, 150 * MS)
    """From a write to the event at a watcher (16.3)."""
    reaction: Distribution = Skewed(5 * MS, 100 * MS)
    """From an event at an informer to a worker taking the key (16.3)."""
    dial_timeout: int = 30_000_000
    """Go's default dialer gives up on a silent address after 30 s (net/http DefaultTransport)."""
    reconnect_first: int = 800 * MS
    """Reflector back-off: 800 ms, doubling, at most 30 s, jitter 1.0 (client-go tools/cache/reflector.go)."""
    reconnect_most: int = 30_000_000


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """A client's token bucket: requests a second, and how many at once. ``qps`` 0 means no limit."""

    qps: float
    burst: int


CONTROLLER_MANAGER = ClientLimits(20, 30)
"""Per controller (kubernetes pkg/controller/apis/config/v1alpha1/defaults.go)."""
SCHEDULER = ClientLimits(50, 100)
"""kubernetes pkg/scheduler/apis/config/v1/defaults.go."""
KUBELET = ClientLimits(50, 100)
"""kubernetes pkg/kubelet/apis/config/v1beta1/defaults.go."""
KUBE_PROXY = ClientLimits(5, 10)
"""kubernetes pkg/proxy/apis/config/v1alpha1/defaults.go."""
KUBECTL = ClientLimits(50, 300)
"""kubectl's discovery and request limits (kubernetes-api reference, section 20)."""
UNLIMITED = ClientLimits(0, 0)
