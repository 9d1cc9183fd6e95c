"""Classes that objects get which name none, and claims that may not grow.

**Imitates:** ``plugin/pkg/admission/storage/storageclass/setdefault``, ``.../persistentvolume/resize`` and
``plugin/pkg/admission/network/defaultingressclass`` (v1.36).
"""

from __future__ import annotations

from kcsim.api import objects, quantity
from kcsim.api.admission.request import AdmissionRequest
from kcsim.api.admission.shelf import Shelf
from kcsim.api.log import Version
from kcsim.api.objects import Object

_DEFAULT_STORAGE = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
_DEFAULT_INGRESS = ("ingressclass.kubernetes.io/is-default-class",)
_OLD_CLASS = "volume.beta.kubernetes.io/storage-class"
_OLD_INGRESS = "kubernetes.io/ingress.class"


def with_storage_class(claim: Object, classes: Shelf) -> Object:
    """DefaultStorageClass: the newest class that says it is the default."""
    spec = claim.get("spec") or {}
    if spec.get("storageClassName") is not None or _OLD_CLASS in objects.annotations(claim):
        return claim
    default = _default(classes, _DEFAULT_STORAGE)
    return claim if not default else {**claim, "spec": {**spec, "storageClassName": default}}


def with_ingress_class(ingress: Object, classes: Shelf) -> Object:
    """DefaultIngressClass: the newest class that says it is the default."""
    spec = ingress.get("spec") or {}
    if spec.get("ingressClassName") is not None or _OLD_INGRESS in objects.annotations(ingress):
        return ingress
    default = _default(classes, _DEFAULT_INGRESS)
    return ingress if not default else {**ingress, "spec": {**spec, "ingressClassName": default}}


def _default(classes: Shelf, words: tuple[str, ...]) -> str:
    marked = [
        v for v in classes.of() if any(objects.annotations(v.object).get(word) == "true" for word in words)
    ]
    marked.sort(key=_age, reverse=True)
    newest = [v for v in marked if _age(v) == _age(marked[0])]
    return min((objects.name(v.object) for v in newest), default="")


def _age(version: Version) -> str:
    return str(version.object["metadata"].get("creationTimestamp") or "")


def check_growth(request: AdmissionRequest, classes: Shelf) -> None:
    """PersistentVolumeClaimResize: only bound claims of a class that says so may ask for more."""
    new, old = request.object, request.old
    assert new is not None
    assert old is not None
    sizes = [
        ((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage") for claim in (new, old)
    ]
    if sizes[0] is None or sizes[1] is None or quantity.of(sizes[0]).nanos <= quantity.of(sizes[1]).nanos:
        return
    if (old.get("status") or {}).get("phase") != "Bound":
        raise request.forbidden("Only bound persistent volume claims can be expanded")
    version = classes.get("", old["spec"].get("storageClassName") or "")
    if version is None or not version.object.get("allowVolumeExpansion"):
        raise request.forbidden(
            "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must "
            "support resize"
        )
