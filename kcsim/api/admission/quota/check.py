"""Whether one more object fits into the quotas of its namespace.

**Imitates:** apiserver ``pkg/admission/plugin/resourcequota/controller.go`` (CheckRequest, v1.36). Left out: resources that may not
be used without a quota (the plugin's own configuration).

**Walk:** quotas that count the object -> what it must name -> what it adds -> does used + added stay within hard -> the usage each
quota then has, which ``admit`` writes to its status before the object is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kcsim.api import quantity
from kcsim.api.admission.quota import usage
from kcsim.api.admission.quota.scopes import counts_object
from kcsim.api.admission.request import AdmissionRequest
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.pod_resources import Amounts
from kcsim.api.quantity import Quantity

_UPDATES = frozenset(("services", "persistentvolumeclaims"))
_IGNORED = frozenset(
    ("events", "events.events.k8s.io", "bindings", "localsubjectaccessreviews.authorization.k8s.io")
)
Write = Callable[[Version, Object], None]
_NOTHING = Quantity(0)


def is_handled(request: AdmissionRequest) -> bool:
    """Whether a write can change what is used."""
    plural = request.resource.group_resource
    if plural == "pods" and request.subresource == "resize":
        return True
    if request.subresource or plural in _IGNORED:
        return False
    return request.action == "CREATE" or (request.action == "UPDATE" and plural in _UPDATES)


def admit(request: AdmissionRequest, quotas: Sequence[Version], now: int, write: Write) -> None:
    """Charge the quotas of the namespace with a write.

    Raises:
        StatusError: 403 when it does not fit, or does not say what the quotas need to know.
    """
    obj = request.object
    assert obj is not None
    interesting = [version for version in quotas if _counts(version.object, obj, request)]
    if not interesting:
        return
    used = usage.usage(obj, request.resource, now)
    negative = sorted(name for name, amount in used.items() if amount.nanos < 0)
    if negative:
        raise request.forbidden(f"quota usage is negative for resource(s): {','.join(negative)}")
    before = usage.usage(request.old, request.resource, now) if request.old is not None else {}
    charges = []
    for version in interesting:
        added = used
        if request.old is not None and counts_object(version.object, request.old, request.resource):
            added = {
                name: Quantity(max(amount.nanos - before.get(name, _NOTHING).nanos, 0), amount.format)
                for name, amount in used.items()
            }
        charge = _charge(request, version.object, {k: v for k, v in added.items() if v.nanos})
        if charge is not None:
            charges.append((version, charge))
    if not request.op.dry_run:
        for version, status in charges:
            write(version, status)


def _counts(quota: Object, obj: Object, request: AdmissionRequest) -> bool:
    """Whether a quota limits the object; refuses what it must have said and what cannot be judged yet."""
    status = quota.get("status") or {}
    names = usage.resource_names(status.get("hard") or {}, request.resource)
    if not names or not counts_object(quota, obj, request.resource):
        return False  # also while the controller has not seen the quota yet
    name = quota["metadata"]["name"]
    if request.resource.group_resource == "pods" and (gaps := usage.missing(obj, names)):
        raise request.forbidden(f"failed quota: {name}: must specify {gaps}")
    used = status.get("used") or {}
    if any(item not in used for item in names):
        raise request.forbidden(f"status unknown for quota: {name}, resources: {','.join(sorted(names))}")
    return True


def _charge(request: AdmissionRequest, quota: Object, added: Amounts) -> Object | None:
    """The status with the usage added, None when nothing is."""
    status = quota["status"]
    hard, used = parsed(status.get("hard")), parsed(status.get("used"))
    asked = {name: amount for name, amount in added.items() if name in hard}
    if not asked:
        return None
    then = {name: used[name].add(amount) if name in used else amount for name, amount in asked.items()}
    exceeded = [name for name in asked if then[name].nanos > hard[name].nanos]
    if exceeded:
        name = quota["metadata"]["name"]
        raise request.forbidden(
            f"exceeded quota: {name}, requested: {printed(asked, exceeded)}, used: {printed(used, exceeded)}, "
            f"limited: {printed(hard, exceeded)}"
        )
    return {**status, "used": texts({**used, **then})}


def parsed(amounts: dict[str, str] | None) -> Amounts:
    """Quantities by name."""
    return {name: quantity.of(text) for name, text in (amounts or {}).items()}


def texts(amounts: Amounts) -> dict[str, str]:
    """Back to texts, in the order of names."""
    return {name: str(amounts[name]) for name in sorted(amounts)}


def printed(amounts: Amounts, names: Iterable[str]) -> str:
    """``pods=1,requests.cpu=200m``."""
    return ",".join(f"{name}={amounts[name]}" for name in sorted(names) if name in amounts)
