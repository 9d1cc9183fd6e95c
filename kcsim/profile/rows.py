"""The rows of the table of constants, component by component: data and nothing else. See ``kcsim.profile.constants``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kcsim.profile.distributions import Distribution, Fixed, Skewed, Uniform

Value = int | float | bool | Distribution
Unit = Literal["us", "ms", "s", "min", "h", "1/s", "count", "share", "bytes", "bytes/s", "on"]


@dataclass(frozen=True, slots=True)
class Row:
    """One constant: its value, or its value by version (from that version on)."""

    name: str
    value: Value | Mapping[str, Value]
    unit: Unit
    source: str

    def value_in(self, version: str) -> Value:
        """The value in a profile."""
        return self.value[version] if isinstance(self.value, Mapping) else self.value


MS = 1_000


def _skewed(median: int, p99: int) -> Distribution:
    return Skewed(median * MS, p99 * MS)


def _uniform(low: int, high: int) -> Distribution:
    return Uniform(low * MS, high * MS)


_KCM = "pkg/controller/apis/config/v1alpha1/defaults.go"
_LEADER = "component-base config/v1alpha1/defaults.go"
_NODE = "pkg/controller/nodelifecycle/config/v1alpha1/defaults.go"
_KUBELET = "pkg/kubelet/apis/config/v1beta1/defaults.go"
_SCHEDULER = "pkg/scheduler/apis/config/v1/defaults.go"
_PROXY = "pkg/proxy/apis/config/v1alpha1/defaults.go"
_HPA = "pkg/controller/podautoscaler/config/v1alpha1/defaults.go"
_EVENTS = "client-go tools/record/events_cache.go"
_QUEUE = "client-go util/workqueue/default_rate_limiters.go"
_SQUEUE = "pkg/scheduler/backend/queue/scheduling_queue.go"


def _workers(controller: str, number: int, source: str = "") -> Row:
    path = source or f"pkg/controller/{controller}/config/v1alpha1/defaults.go"
    return Row(f"concurrent-{controller}-syncs", number, "count", path)


def _election() -> tuple[Row, ...]:
    return (
        Row("leader-elect-lease-duration", 15, "s", _LEADER),
        Row("leader-elect-renew-deadline", 10, "s", _LEADER),
        Row("leader-elect-retry-period", 2, "s", _LEADER),
        Row(
            "restart-after-exit", 1, "s", "[model] its kubelet starts a static pod's container again at once"
        ),
    )


ROWS: Mapping[str, tuple[Row, ...]] = {
    "kube-apiserver": (
        Row("write-latency", _skewed(6, 60), "ms", "[model] with the commit to etcd"),
        Row("read-latency", _skewed(2, 20), "ms", "[model] from the watch cache"),
        Row("watch-latency", _skewed(5, 150), "ms", "[model] from a write to the event at a watcher"),
        Row("etcd-compaction-interval", 5, "min", "apiserver pkg/storage/storagebackend/config.go"),
        Row("event-ttl", 1, "h", "--event-ttl"),
        Row("kubernetes-service-interval", 10, "s", "pkg/controlplane/instance.go, EndpointInterval"),
        Row("etcd-lease-reuse", 60, "s", "apiserver pkg/storage/etcd3/lease_manager.go"),
        Row("min-request-timeout", 1800, "s", "apiserver pkg/server/config.go"),
        Row("max-request-body-bytes", 3 * 1024 * 1024, "bytes", "apiserver pkg/server/config.go"),
        Row("etcd-max-request-bytes", 1_572_864, "bytes", "etcd server/embed/config.go"),
    ),
    "client-go": (
        Row("controller-reaction", _skewed(5, 100), "ms", "[model] from an informer's event to a worker"),
        Row("dial-timeout", 30, "s", "net/http DefaultTransport"),
        Row("reflector-backoff-initial", 800, "ms", "client-go tools/cache/reflector.go"),
        Row("reflector-backoff-max", 30, "s", "client-go tools/cache/reflector.go"),
        Row("workqueue-base-delay", 5, "ms", _QUEUE),
        Row("workqueue-max-delay", 1000, "s", _QUEUE),
        Row("workqueue-qps", 10, "1/s", _QUEUE),
        Row("workqueue-burst", 100, "count", _QUEUE),
        Row(
            "leader-election-jitter-factor", 1.2, "share", "client-go tools/leaderelection/leaderelection.go"
        ),
        Row("events-max-similar", 10, "count", _EVENTS),
        Row("events-similar-window", 600, "s", _EVENTS),
        Row("events-spam-burst", 25, "count", _EVENTS),
        Row("events-spam-refill", 300, "s", _EVENTS),
    ),
    "kube-controller-manager": (
        Row("kube-api-qps", 20, "1/s", f"{_KCM}; for each controller"),
        Row("kube-api-burst", 30, "count", f"{_KCM}; for each controller"),
        *_election(),
        Row("expectations-timeout", 5, "min", "pkg/controller/controller_utils.go"),
        Row("node-cidr-mask-size-ipv4", 24, "count", "cmd/kube-controller-manager/app/core.go"),
        Row("node-cidr-mask-size-ipv6", 64, "count", "cmd/kube-controller-manager/app/core.go"),
        Row("slow-start-initial-batch-size", 1, "count", "pkg/controller/controller_utils.go"),
        Row("node-monitor-period", 5, "s", _NODE),
        Row("node-monitor-grace-period", {"1.31": 40, "1.36": 50}, "s", _NODE),
        Row("node-startup-grace-period", 60, "s", _NODE),
        Row("node-eviction-rate", 0.1, "1/s", "--node-eviction-rate"),
        Row("secondary-node-eviction-rate", 0.01, "1/s", "--secondary-node-eviction-rate"),
        Row("unhealthy-zone-threshold", 0.55, "share", "--unhealthy-zone-threshold"),
        Row("large-cluster-size-threshold", 50, "count", "--large-cluster-size-threshold"),
        Row("pod-gc-check-period", 20, "s", "pkg/controller/podgc/gc_controller.go"),
        Row("pod-gc-quarantine-time", 40, "s", "pkg/controller/podgc/gc_controller.go"),
        Row(
            "terminated-pod-gc-threshold", 12_500, "count", "pkg/controller/podgc/config/v1alpha1/defaults.go"
        ),
        Row("namespace-deletion-grace-period", 5, "s", "pkg/controller/namespace/namespace_controller.go"),
        Row("garbage-collector-resync-period", 30, "s", "cmd/kube-controller-manager/app/core.go"),
        Row("disruption-deletion-timeout", 2, "min", "pkg/controller/disruption/disruption.go"),
        Row("disruption-stale-after", 2, "min", "pkg/controller/disruption/disruption.go"),
        Row(
            "max-endpoints-per-slice",
            100,
            "count",
            "pkg/controller/endpointslice/config/v1alpha1/defaults.go",
        ),
        Row("max-endpoints-addresses", 1000, "count", "pkg/controller/endpoint/endpoints_controller.go"),
        Row("replicaset-burst-replicas", 500, "count", "pkg/controller/replicaset/replica_set.go"),
        Row("daemonset-burst-replicas", 250, "count", "pkg/controller/daemon/daemon_controller.go"),
        Row("daemonset-failed-pods-backoff-initial", 1, "s", "cmd/kube-controller-manager/app/apps.go"),
        Row("daemonset-failed-pods-backoff-max", 15, "min", "cmd/kube-controller-manager/app/apps.go"),
        Row("job-backoff-initial", 10, "s", "pkg/controller/job/job_controller.go"),
        Row("job-backoff-max", 10, "min", "pkg/controller/job/job_controller.go"),
        Row("job-max-pods-per-sync", 500, "count", "pkg/controller/job/job_controller.go"),
        Row("job-sync-batch-period", 1, "s", "pkg/controller/job/job_controller.go"),
        Row("horizontal-pod-autoscaler-sync-period", 15, "s", _HPA),
        Row("horizontal-pod-autoscaler-downscale-stabilization", 300, "s", _HPA),
        Row("horizontal-pod-autoscaler-tolerance", 0.1, "share", _HPA),
        Row("horizontal-pod-autoscaler-cpu-initialization-period", 5, "min", _HPA),
        Row("horizontal-pod-autoscaler-initial-readiness-delay", 30, "s", _HPA),
        _workers("deployment", 5),
        _workers("replicaset", 5),
        _workers("statefulset", 5),
        _workers("daemonset", 2, "pkg/controller/daemon/config/v1alpha1/defaults.go"),
        _workers("job", 5),
        _workers("cronjob", 5),
        _workers("horizontal-pod-autoscaler", 5, _HPA),
        _workers("service-endpoint", 5, "pkg/controller/endpointslice/config/v1alpha1/defaults.go"),
        _workers("endpoint", 5, "pkg/controller/endpoint/config/v1alpha1/defaults.go"),
        _workers("namespace", 10),
        _workers("gc", 20, "pkg/controller/garbagecollector/config/v1alpha1/defaults.go"),
        _workers("ttl-after-finished", 5, "pkg/controller/ttlafterfinished/config/v1alpha1/defaults.go"),
        _workers("node-lifecycle", 8, "pkg/controller/nodelifecycle (NodeUpdateWorkerSize)"),
        _workers("taint-eviction", 8, "pkg/controller/tainteviction (UpdateWorkerSize)"),
        Row("deployment-max-retries", 15, "count", "pkg/controller/deployment/deployment_controller.go"),
        Row("endpoint-max-retries", 15, "count", "pkg/controller/endpoint/endpoints_controller.go"),
        Row("service-endpoint-max-retries", 15, "count", "pkg/controller/endpointslice"),
    ),
    "volumes": (
        Row(
            "pv-binder-sync-period", 15, "s", "cmd/kube-controller-manager/app (--pvclaimbinder-sync-period)"
        ),
        Row(
            "max-wait-for-unmount",
            6,
            "min",
            "pkg/controller/volume/attachdetach: reconcilerMaxWaitForUnmountDuration",
        ),
        Row("pod-attach-and-mount-timeout", 123, "s", "pkg/kubelet/volumemanager/volume_manager.go"),
        Row("provision", _skewed(3000, 15000), "ms", "[model] a CSI driver creates a volume"),
        Row("attach", _skewed(2500, 12000), "ms", "[model] a CSI driver attaches a volume to a node"),
        Row("detach", _skewed(2000, 10000), "ms", "[model] a CSI driver detaches a volume from a node"),
        Row("delete", _skewed(1000, 6000), "ms", "[model] a CSI driver deletes a volume"),
    ),
    "kube-scheduler": (
        Row("kube-api-qps", 50, "1/s", _SCHEDULER),
        Row("kube-api-burst", 100, "count", _SCHEDULER),
        *_election(),
        Row("scheduling-cycle", _skewed(1, 20), "ms", "[model]"),
        Row("pod-initial-backoff", 1, "s", _SCHEDULER),
        Row("pod-max-backoff", 10, "s", _SCHEDULER),
        Row("pod-max-in-unschedulable-pods-duration", 5, "min", _SQUEUE),
        Row("unschedulable-pods-flush-period", 30, "s", _SQUEUE),
        Row("min-feasible-nodes-to-find", 100, "count", "pkg/scheduler/schedule_one.go"),
        Row("min-feasible-nodes-percentage-to-find", 5, "count", "pkg/scheduler/schedule_one.go"),
    ),
    "kubelet": (
        Row("kube-api-qps", 50, "1/s", _KUBELET),
        Row("kube-api-burst", 100, "count", _KUBELET),
        Row("notice-of-a-pod", _skewed(10, 200), "ms", "[model] from the watch event to the pod worker"),
        Row("volume-setup", _skewed(150, 800), "ms", "[model] projected and config volumes"),
        Row("sandbox-setup", _skewed(350, 1500), "ms", "[model] sandbox and CNI ADD"),
        Row("container-start", _skewed(150, 700), "ms", "[model] create and start of one container"),
        Row("pleg-relist-period", 1, "s", "pkg/kubelet/kubelet.go"),
        Row("image-manifest", _uniform(200, 1000), "ms", "[model] authentication and manifest of a pull"),
        Row("image-pull-rate", 40_000_000, "bytes/s", "[model] of compressed layers"),
        Row("exec-hook", 1, "s", "[model] a preStop hook whose length nothing tells"),
        Row("final-status", _skewed(100, 500), "ms", "[model] from the last exit to the final status"),
        Row(
            "pod-teardown",
            _uniform(700, 2300),
            "ms",
            "[model] volumes and cgroup, before the object is deleted",
        ),
        Row("back-off-period", 10, "s", "pkg/kubelet/kubelet.go"),
        Row("sync-frequency", 60, "s", _KUBELET),
        Row("housekeeping-period", 2, "s", "pkg/kubelet/kubelet.go"),
        Row("eviction-monitoring-period", 10, "s", "pkg/kubelet/kubelet.go: evictionMonitoringPeriod"),
        Row("eviction-pressure-transition-period", 5, "min", _KUBELET),
        Row("eviction-hard-memory-available", 104_857_600, "bytes", "pkg/kubelet/eviction/defaults_linux.go"),
        Row("eviction-hard-imagefs-available", 0.15, "share", "pkg/kubelet/eviction/defaults_linux.go"),
        Row("status-manager-sync-period", 10, "s", "pkg/kubelet/status/status_manager.go"),
        Row("node-status-update-frequency", 10, "s", _KUBELET),
        Row("node-lease-duration-seconds", 40, "s", _KUBELET),
        Row("node-lease-renew-interval", 10, "s", "pkg/kubelet/kubelet.go: a quarter of the duration"),
        Row("node-lease-renew-jitter", 0.04, "share", "component-helpers apimachinery/lease/controller.go"),
        Row(
            "runtime-up", Fixed(500 * MS), "ms", "[model] from its start until runtime and network are ready"
        ),
        Row("volume-retry-initial", 500, "ms", "pkg/util/goroutinemap/exponentialbackoff"),
        Row("volume-retry-max", 122, "s", "pkg/util/goroutinemap/exponentialbackoff"),
        Row("crash-loop-back-off-initial", 10, "s", "pkg/kubelet/kubelet.go"),
        Row("crash-loop-back-off-max", 300, "s", "pkg/kubelet/kubelet.go"),
        Row("minimum-grace-period-after-prestop", 2, "s", "pkg/kubelet/kuberuntime/kuberuntime_container.go"),
        Row(
            "requeue-at-back-off-end",
            {"1.31": False, "1.36": True},
            "on",
            "pkg/kubelet/pod_workers.go (1.35)",
        ),
        Row("image-events-name-access", {"1.31": False, "1.36": True}, "on", "pkg/kubelet/images (1.35)"),
        Row("plain-container-events", {"1.31": False, "1.36": True}, "on", "pkg/kubelet/kuberuntime (1.35)"),
    ),
    "network": (
        Row("mtu", 1500, "bytes", "IEEE 802.3: what an Ethernet frame carries"),
        Row("vxlan-overhead", 50, "bytes", "RFC 7348: outer Ethernet, IP, UDP and VXLAN headers"),
        Row("geneve-overhead", 50, "bytes", "RFC 8926, without options"),
        Row("ipip-overhead", 20, "bytes", "RFC 2003: the outer IP header"),
        Row("wireguard-overhead", 60, "bytes", "WireGuard over IPv4: outer IP and UDP, header and tag"),
        Row("encapsulation", Skewed(25, 50), "ms", "[model] packing and unpacking a packet, one way"),
        Row("loopback", 0.03, "ms", "[model] one way within a host"),
        Row("access", Skewed(100, 400), "ms", "[model] one way between a node and its switch"),
        Row("rack-uplink", Skewed(50, 200), "ms", "[model] one way between a rack's switch and the next"),
        Row(
            "zone-uplink", Skewed(400, 1000), "ms", "[model] one way between a zone and its cluster's network"
        ),
        Row("internet-uplink", _skewed(5, 20), "ms", "[model] one way between a site and the internet"),
        Row("retransmission-timeout-min", 200, "ms", "Linux include/net/tcp.h: TCP_RTO_MIN"),
    ),
    "kube-proxy": (
        Row("kube-api-qps", 5, "1/s", _PROXY),
        Row("kube-api-burst", 10, "count", _PROXY),
        Row("min-sync-period", 1, "s", _PROXY),
        Row("sync-duration", _uniform(20, 200), "ms", "[model] a sync in a small cluster"),
        Row(
            "session-affinity-timeout",
            10_800,
            "s",
            "pkg/apis/core/types.go: DefaultClientIPServiceAffinitySeconds",
        ),
    ),
    "coredns": (
        Row("ttl", 30, "s", "cmd/kubeadm/app/phases/addons/dns/manifests.go: the Corefile"),
        Row("answering", Skewed(300, 5 * MS), "ms", "[model] what a name server takes for an answer"),
        Row(
            "reloading",
            _uniform(30_000, 135_000),
            "ms",
            "[model] the kubelet's sync of a mounted ConfigMap (a minute or so), then plugin/reload: 30 s, jittered by 15 s",
        ),
    ),
    "resolver": (
        Row("ndots", 5, "count", "pkg/kubelet/network/dns/dns.go: defaultDNSOptions"),
        Row("timeout", 5, "s", "glibc resolv/resolv.h: RES_TIMEOUT"),
        Row("attempts", 2, "count", "glibc resolv/resolv.h: RES_DFLRETRY"),
    ),
    "network-policy-agent": (
        Row(
            "programming", _uniform(100, 1000), "ms", "[model] from hearing of a policy until it is enforced"
        ),
    ),
    "cloud": (
        Row(
            "load-balancer-provisioning",
            _uniform(10_000, 60_000),
            "ms",
            "[model] until a balancer has an address",
        ),
    ),
    "kubectl": (
        Row("kube-api-qps", 50, "1/s", "cli-runtime pkg/genericclioptions/config_flags.go"),
        Row("kube-api-burst", 300, "count", "cli-runtime pkg/genericclioptions/config_flags.go"),
        Row("drain-eviction-retry", 5, "s", "kubectl pkg/drain/drain.go"),
    ),
    "metrics-server": (Row("metric-resolution", 15, "s", "metrics-server manifests (--metric-resolution)"),),
}
"""component -> its constants."""
