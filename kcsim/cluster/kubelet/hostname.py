"""The hostname and domain of a pod.

**Imitates:** ``pkg/kubelet/kubelet_pods.go`` (``GeneratePodHostNameAndDomain``) and ``pkg/kubelet/util``
(``TruncatePodHostnameIfNeeded``), v1.36. Left out: ``setHostnameAsFQDN``.
"""

from __future__ import annotations

import re

HOSTNAME_LENGTH_MAX = 63
_OVERRIDE_LENGTH_MAX = 64
_DNS1123_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def _check_label(field: str, text: str) -> None:
    if len(text) > HOSTNAME_LENGTH_MAX or not _DNS1123_LABEL.fullmatch(text):
        raise ValueError(f"pod {field} {text!r} is not a valid DNS label")


def truncate_pod_hostname(name: str) -> str:
    """At most 63 characters, not ending in a dot or dash."""
    return name if len(name) <= HOSTNAME_LENGTH_MAX else name[:HOSTNAME_LENGTH_MAX].rstrip("-.")


def generate_pod_host_name_and_domain(
    pod_name: str,
    namespace: str,
    hostname: str = "",
    subdomain: str = "",
    cluster_domain: str = "cluster.local",
    override: str | None = None,
) -> tuple[str, str]:
    """(hostname, domain); the domain is "" without a subdomain. An ``override`` takes the place of all of it.

    Raises:
        ValueError: when hostname or subdomain is no DNS label, or the override no DNS name.
    """
    if override is not None:
        labels = override.split(".")
        if len(override) > _OVERRIDE_LENGTH_MAX or not all(map(_DNS1123_LABEL.fullmatch, labels)):
            raise ValueError(f"pod hostnameOverride {override!r} is not a valid DNS name")
        return override, ""
    if hostname:
        _check_label("hostname", hostname)
    if subdomain:
        _check_label("subdomain", subdomain)
    domain = f"{subdomain}.{namespace}.svc.{cluster_domain}" if subdomain else ""
    return truncate_pod_hostname(hostname or pod_name), domain
