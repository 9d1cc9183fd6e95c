"""How long a kubelet and its container runtime take; all µs.

Figures marked [model] are orders of magnitude to start from, not facts of Kubernetes; the others are upstream's. The
numbers stand in ``kcsim.profile.rows``, with their sources.
"""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.engine.clock import SECOND
from kcsim.profile.constants import PROFILES, Profile
from kcsim.profile.distributions import Distribution


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


def timings_of(profile: Profile) -> KubeletTimings:
    """The timings of a profile."""
    us, delay, on = profile.us, profile.delay, profile.on
    return KubeletTimings(
        notice=delay("kubelet/notice-of-a-pod"),
        volumes=delay("kubelet/volume-setup"),
        sandbox=delay("kubelet/sandbox-setup"),
        create_container=delay("kubelet/container-start"),
        relist=us("kubelet/pleg-relist-period"),
        manifest=delay("kubelet/image-manifest"),
        pull_bytes_per_s=profile.count("kubelet/image-pull-rate"),
        exec_hook=us("kubelet/exec-hook"),
        terminated_status=delay("kubelet/final-status"),
        teardown=delay("kubelet/pod-teardown"),
        back_off_period=us("kubelet/back-off-period"),
        resync=us("kubelet/sync-frequency"),
        housekeeping=us("kubelet/housekeeping-period"),
        status_batch=us("kubelet/status-manager-sync-period"),
        node_status=us("kubelet/node-status-update-frequency"),
        lease_renew=us("kubelet/node-lease-renew-interval"),
        lease_duration_s=us("kubelet/node-lease-duration-seconds") // SECOND,
        lease_jitter=profile.number("kubelet/node-lease-renew-jitter"),
        runtime_up=delay("kubelet/runtime-up"),
        volume_retry=us("kubelet/volume-retry-initial"),
        volume_retry_max=us("kubelet/volume-retry-max"),
        aims_at_back_off_end=on("kubelet/requeue-at-back-off-end"),
        names_access=on("kubelet/image-events-name-access"),
        plain_container_events=on("kubelet/plain-container-events"),
    )


TIMINGS_1_36 = timings_of(PROFILES["1.36"])
TIMINGS_1_31 = timings_of(PROFILES["1.31"])
