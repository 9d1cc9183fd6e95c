"""What an Application's status says of its whole tree: images in use, addresses, child Applications.  Pure.

**Imitates:** argo-cd 3.x ApplicationTree.GetSummary and controller/cache/info.go (images of pods, URLs of Ingresses and
of Services of type LoadBalancer). Left out: Gateway API routes, Istio's VirtualServices, links by annotation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd.resources import key_of
from kcsim.delivery.gitops.argocd.terms import GROUP


def summary(tree: Iterable[Object]) -> dict[str, Any]:
    """``status.summary``; members without content are left out."""
    images: set[str] = set()
    addresses: set[str] = set()
    has_children = False
    for obj in tree:
        key = key_of(obj)
        if (key.group, key.kind) == ("", "Pod"):
            spec = obj.get("spec") or {}
            containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
            images.update(c["image"] for c in containers if c.get("image"))
        elif (key.group, key.kind) == ("networking.k8s.io", "Ingress"):
            addresses.update(_of_ingress(obj))
        elif (key.group, key.kind) == (GROUP, "Application"):
            has_children = True
    found: dict[str, Any] = {}
    if addresses:
        found["externalURLs"] = sorted(addresses)
    if images:
        found["images"] = sorted(images)
    if has_children:
        found["isAppOfApps"] = True
    return found


def _of_ingress(ingress: Object) -> Iterable[str]:
    """The addresses of an Ingress that a load balancer serves."""
    spec = ingress.get("spec") or {}
    if not ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress"):
        return
    secure = {host for entry in spec.get("tls") or () for host in entry.get("hosts") or ()}
    for rule in spec.get("rules") or ():
        host = rule.get("host", "")
        if not host:
            continue
        scheme = "https" if host in secure else "http"
        paths: list[Object] = (rule.get("http") or {}).get("paths") or [{}]
        for path in paths:
            where = path.get("path", "")
            yield f"{scheme}://{host}{'' if where == '/' else where.removesuffix('*')}"
