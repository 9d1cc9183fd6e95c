"""Health of Services, claims, Ingresses, APIServices and Argo Workflows.  Decides; never acts.

**Imitates:** gitops-engine pkg/health/health_{service,pvc,ingress,apiservice,argo}.go.

**Walk:** `check.assess` -> the function of the kind in `CHECKS` -> `Health`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd.health.status import (
    DEGRADED,
    HEALTHY,
    PROGRESSING,
    UNKNOWN,
    Health,
    unsupported,
)
from kcsim.delivery.gitops.argocd.health.workloads import only

_CLAIMS = {"Lost": DEGRADED, "Pending": PROGRESSING, "Bound": HEALTHY}
_WORKFLOWS = {
    "": PROGRESSING,
    "Pending": PROGRESSING,
    "Running": PROGRESSING,
    "Succeeded": HEALTHY,
    "Failed": DEGRADED,
    "Error": DEGRADED,
}


def service(obj: Object) -> Health:
    """A Service of type LoadBalancer waits for its address; others are healthy."""
    if (obj.get("spec") or {}).get("type") != "LoadBalancer":
        return Health(HEALTHY)
    return ingress(obj)


def ingress(obj: Object) -> Health:
    """Healthy once `status.loadBalancer.ingress` holds something."""
    addresses = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    return Health(HEALTHY if addresses else PROGRESSING)


def claim(obj: Object) -> Health:
    """A PersistentVolumeClaim by its phase."""
    return Health(_CLAIMS.get((obj.get("status") or {}).get("phase", ""), UNKNOWN))


def api_service(obj: Object) -> Health:
    """An APIService by its condition Available."""
    if obj.get("apiVersion") not in ("apiregistration.k8s.io/v1", "apiregistration.k8s.io/v1beta1"):
        return unsupported("APIService", obj)
    for condition in (obj.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Available":
            text = f"{condition.get('reason', '')}: {condition.get('message', '')}"
            return Health(HEALTHY if condition.get("status") == "True" else PROGRESSING, text)
    return Health(PROGRESSING, "Waiting to be processed")


def workflow(obj: Object) -> Health:
    """An Argo Workflow by its phase."""
    status = obj.get("status") or {}
    return Health(_WORKFLOWS.get(status.get("phase", ""), UNKNOWN), status.get("message", ""))


CHECKS: Mapping[str, Callable[[Object], Health]] = {
    "Service": only("v1", "Service", service),
    "PersistentVolumeClaim": only("v1", "PersistentVolumeClaim", claim),
    "extensions/Ingress": ingress,
    "networking.k8s.io/Ingress": ingress,
    "apiregistration.k8s.io/APIService": api_service,
    "argoproj.io/Workflow": workflow,
}
"""`group/Kind` (the kind alone in the core group) -> its check."""
