"""Which address families a Service gets.  Decides; never acts.

**Imitates:** kubernetes ``pkg/registry/core/service/storage/alloc.go`` (initIPFamilyFields, v1.36): what the client left out
follows from the addresses it asked for, its policy, and the families of the cluster, of which the first is the default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kcsim.api.validation.field import Errors, invalid

IPV4, IPV6 = "IPv4", "IPv6"
SINGLE, PREFER, REQUIRE = "SingleStack", "PreferDualStack", "RequireDualStack"


def family_of(ip: str) -> str:
    """The family of an address or range, by its look."""
    return IPV6 if ":" in ip else IPV4


def is_headless(spec: Mapping[str, Any]) -> bool:
    """Whether the Service has no address of its own."""
    return spec.get("clusterIP") == "None"


def families_wrong(spec: Mapping[str, Any], configured: Sequence[str]) -> Errors:
    """What a Service asks for that a cluster of these families cannot give."""
    policy = spec.get("ipFamilyPolicy") or SINGLE
    families = _asked(spec)
    errors: Errors = []
    if policy == SINGLE and spec.get("ipFamilyPolicy"):
        for field in ("clusterIPs", "ipFamilies"):
            if len(spec.get(field) or ()) > 1:
                text = f"must be RequireDualStack or PreferDualStack when multiple '{field}' are specified"
                errors.append(invalid("spec.ipFamilyPolicy", policy, text))
    if _is_free(spec):
        # Nobody gives out addresses here: whoever writes the endpoints has them.
        return errors
    errors += [
        invalid(f"spec.ipFamilies[{index}]", family, "not configured on this cluster")
        for index, family in enumerate(families)
        if family not in configured
    ]
    if policy == REQUIRE and len(configured) < 2:
        text = "this cluster is not configured for dual-stack services"
        errors.append(invalid("spec.ipFamilyPolicy", policy, text))
    return errors


def families_of(spec: Mapping[str, Any], configured: Sequence[str]) -> tuple[str, list[str]]:
    """``(ipFamilyPolicy, ipFamilies)`` of a Service whose wishes can be met."""
    free = _is_free(spec)
    families = _asked(spec) or [configured[0]]
    policy = spec.get("ipFamilyPolicy") or (REQUIRE if free else SINGLE)
    both = len(configured) > 1 or (free and policy == REQUIRE)
    if policy != SINGLE and len(families) == 1 and both:
        families.append(IPV6 if families[0] == IPV4 else IPV4)
    # Who wants one family gets the first.
    return policy, families[:1] if policy == SINGLE else families


def _asked(spec: Mapping[str, Any]) -> list[str]:
    """The families named, and beyond them those of the addresses asked for."""
    families = list(spec.get("ipFamilies") or ())
    ips = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
    return families + [family_of(ip) for ip in ips[len(families) :] if ip != "None"]


def _is_free(spec: Mapping[str, Any]) -> bool:
    return is_headless(spec) and not spec.get("selector")
