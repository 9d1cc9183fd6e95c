"""The resolver of a program in a pod: which names it asks for, of whom, and how long it waits.  Decides; never acts.

**Imitates:** ``pkg/kubelet/network/dns`` (what a pod's resolv.conf says, v1.36) and glibc's ``res_search`` (in which order
names are tried; 5 s a try, two tries). Left out: the limits of resolv.conf, ``rotate`` and other options.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kcsim.api.objects import Object
from kcsim.cluster.dns.records import ZONE
from kcsim.engine.clock import SECOND
from kcsim.profile.constants import DEFAULT

NDOTS = DEFAULT.count("resolver/ndots")


@dataclass(frozen=True, slots=True)
class ResolvConf:
    """What /etc/resolv.conf says; no name servers: it is the node's own, which knows nothing of the cluster."""

    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    ndots: int = 1
    timeout: int = DEFAULT.us("resolver/timeout")
    attempts: int = DEFAULT.count("resolver/attempts")


def resolv_conf(pod: Object, dns_ip: str) -> ResolvConf:
    """The resolv.conf of a pod; ``dns_ip`` is the address of the cluster's DNS Service, "" when there is none."""
    spec: dict[str, Any] = pod.get("spec") or {}
    policy = spec.get("dnsPolicy") or "ClusterFirst"
    if policy == "ClusterFirst" and spec.get("hostNetwork"):
        policy = "Default"
    namespace = pod["metadata"].get("namespace", "")
    conf = ResolvConf()
    if policy in ("ClusterFirst", "ClusterFirstWithHostNet") and dns_ip:
        conf = ResolvConf((dns_ip,), (f"{namespace}.svc.{ZONE}", f"svc.{ZONE}", ZONE), NDOTS)
    return _with_config(conf, spec.get("dnsConfig") or {})


def _with_config(conf: ResolvConf, config: dict[str, Any]) -> ResolvConf:
    """dnsConfig adds name servers and domains, and replaces options."""
    options = {o["name"]: o.get("value", "") for o in config.get("options") or ()}
    return ResolvConf(
        tuple(dict.fromkeys((*conf.nameservers, *(config.get("nameservers") or ())))),
        tuple(dict.fromkeys((*conf.search, *(config.get("searches") or ())))),
        int(options.get("ndots") or conf.ndots),
        int(options["timeout"]) * SECOND if options.get("timeout") else conf.timeout,
        int(options.get("attempts") or conf.attempts),
    )


def candidates(name: str, conf: ResolvConf) -> list[str]:
    """The full names to ask for, in order: as it is first when it has dots enough, through the search path otherwise."""
    if name.endswith("."):
        return [name.rstrip(".")]
    searched = [f"{name}.{domain}" for domain in conf.search]
    return [name, *searched] if name.count(".") >= conf.ndots else [*searched, name]
