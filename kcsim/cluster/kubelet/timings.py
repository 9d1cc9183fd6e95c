"""How long a kubelet and its container runtime take; all µs.

Figures marked [model] are orders of magnitude to start from, not facts of Kubernetes; the others are upstream's
defaults (``pkg/kubelet/apis/config/v1beta1/defaults.go``, v1.36).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kcsim.engine.clock import MILLISECOND, MINUTE, SECOND
from kcsim.profile.distributions import Distribution, Fixed, Skewed, Uniform


@dataclass(frozen=True)
class KubeletTimings:
    """The constants of one Kubernetes version.

    Attributes:
        notice: from the watch event to the pod worker [model: the kubelet's config channel and dispatch].
        volumes: mounting config, secret and projected volumes [model: the volume manager polls every 100-300 ms].
        sandbox: sandbox and CNI ADD [model].
        create_container: create and start of one container [model].
        relist: PLEG's period.
        manifest: authentication and manifest of an image pull [model].
        pull_bytes_per_s: effective download and unpacking of compressed layers [model: 20 to 60 MB/s].
        exec_hook: a preStop hook whose length nothing tells [model].
        terminated_status: from the last exit to the final status [model].
        teardown: unmounting volumes, removing the cgroup, before the object is deleted [model: 1 to 3 s in all].
        back_off_period: retry after a failed sync, jittered by half.
        resync: longest sleep of a pod worker with something to wait for (syncFrequency).
        housekeeping: how often pods that are gone are looked for (housekeepingPeriod).
        status_batch: how often unsent statuses are tried again.
        node_status: how often the node's status is computed.
        lease_renew: renewal period of the node's lease; ``lease_duration_s`` its duration in seconds.
        lease_jitter: share by which a renewal may come later.
        runtime_up: from the kubelet's start until runtime and network are ready [model].
        volume_retry: first retry of a mount that failed, doubling up to ``volume_retry_max``.
        aims_at_back_off_end: whether the worker sleeps until a restart back-off ends (1.35+) or a plain period.
        names_access: whether the ``already present`` event speaks of access (1.35+).
        plain_container_events: ``Container created`` (1.35+) instead of ``Created container: c``.
    """

    notice: Distribution
    volumes: Distribution
    sandbox: Distribution
    create_container: Distribution
    relist: int
    manifest: Distribution
    pull_bytes_per_s: int
    exec_hook: int
    terminated_status: Distribution
    teardown: Distribution
    back_off_period: int
    resync: int
    housekeeping: int
    status_batch: int
    node_status: int
    lease_renew: int
    lease_duration_s: int
    lease_jitter: float
    runtime_up: Distribution
    volume_retry: int
    volume_retry_max: int
    aims_at_back_off_end: bool
    names_access: bool
    plain_container_events: bool


TIMINGS_1_36 = KubeletTimings(
    notice=Skewed(10 * MILLISECOND, 200 * MILLISECOND),
    volumes=Skewed(150 * MILLISECOND, 800 * MILLISECOND),
    sandbox=Skewed(350 * MILLISECOND, 1500 * MILLISECOND),
    create_container=Skewed(150 * MILLISECOND, 700 * MILLISECOND),
    relist=SECOND,
    manifest=Uniform(200 * MILLISECOND, SECOND),
    pull_bytes_per_s=40_000_000,
    exec_hook=SECOND,
    terminated_status=Skewed(100 * MILLISECOND, 500 * MILLISECOND),
    teardown=Uniform(700 * MILLISECOND, 2300 * MILLISECOND),
    back_off_period=10 * SECOND,
    resync=60 * SECOND,
    housekeeping=2 * SECOND,
    status_batch=10 * SECOND,
    node_status=10 * SECOND,
    lease_renew=10 * SECOND,
    lease_duration_s=40,
    lease_jitter=0.04,
    runtime_up=Fixed(500 * MILLISECOND),
    volume_retry=500 * MILLISECOND,
    volume_retry_max=2 * MINUTE + 2 * SECOND,
    aims_at_back_off_end=True,
    names_access=True,
    plain_container_events=True,
)
TIMINGS_1_31 = replace(
    TIMINGS_1_36, aims_at_back_off_end=False, names_access=False, plain_container_events=False
)
