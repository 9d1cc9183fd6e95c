"""The HelmChart that a HelmRelease makes of ``spec.chart``, and deletes again.

**Imitates:** helm-controller 1.6 internal/reconcile/helmchart_template.go.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.flux import events
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.helm import terms
from kcsim.delivery.gitops.flux.helm.resources import CONTROLLER, ActionFailed
from kcsim.delivery.gitops.flux.ssa import drift
from kcsim.delivery.gitops.flux.ssa.drift import Change, Options
from kcsim.delivery.gitops.flux.ssa.manager import ApplyError, Manager
from kcsim.delivery.gitops.flux.toolkit import HELM_CHARTS, SOURCE_GROUP, spec

_FIELDS = ("chart", "version", "reconcileStrategy", "valuesFiles", "ignoreMissingValuesFiles", "verify")


def helm_chart(obj: Object) -> Object:
    """The HelmChart of a HelmRelease."""
    template = spec(obj)["chart"]
    wanted, more = template["spec"], template.get("metadata") or {}
    namespace, name = terms.chart_key(obj)
    labels = {
        **(more.get("labels") or {}),
        terms.ORIGIN_NAME: objects.name(obj),
        terms.ORIGIN_NAMESPACE: objects.namespace(obj),
    }
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, "labels": labels}
    if more.get("annotations"):
        metadata["annotations"] = more["annotations"]
    made = {
        **{field: wanted[field] for field in _FIELDS if wanted.get(field)},
        "interval": wanted.get("interval") or spec(obj)["interval"],
        "sourceRef": {key: wanted["sourceRef"][key] for key in ("kind", "name")},
    }
    return {"apiVersion": f"{SOURCE_GROUP}/v1", "kind": "HelmChart", "metadata": metadata, "spec": made}


def reconciled(component: Component, obj: Object, draft: Draft) -> Generator[Any, Any, None]:
    """A task's steps: the HelmChart is as ``spec.chart`` says; one that is no longer asked for goes.

    Raises:
        ActionFailed: the server refuses it.
    """
    asked = spec(obj).get("chart") is not None
    key = "/".join(terms.chart_key(obj)) if asked else ""
    if draft.get("helmChart") and draft.get("helmChart") != key:
        yield from deleted(component, obj, draft)
    if not asked:
        return
    made, changes = helm_chart(obj), list[Change]()
    try:
        manager = Manager(component, component.client)
        yield from manager.apply_all_staged([made], Options(manager=CONTROLLER), changes)
    except ApplyError as error:
        message = f"failed to run server-side apply: {error}"
        events.record(component, obj, "Normal", "HelmChartSyncErr", message, trace=True)
        raise ActionFailed(message) from error
    for change in changes:
        if change.action in {drift.CREATED, drift.CONFIGURED}:
            word = change.action.capitalize()
            ref = made["spec"]["sourceRef"]
            source = f"{ref['kind']}/{objects.namespace(made)}/{ref['name']}"
            message = f"{word} {change.subject} with SourceRef '{source}'"
            events.record(component, obj, "Normal", f"HelmChart{word}", message, trace=True)
    draft.set("helmChart", key)


def deleted(component: Component, obj: Object, draft: Draft) -> Generator[Any, Any, None]:
    """A task's steps: the HelmChart goes. Raises as ``reconciled``."""
    known = draft.get("helmChart")
    if not known:
        return
    namespace, _, name = known.partition("/")
    try:
        yield component.client.delete(HELM_CHARTS, namespace, name)
    except StatusError as error:
        if not error.is_not_found:
            raise ActionFailed(f"failed to delete HelmChart '{known}': {error.message}") from error
    else:
        events.record(
            component, obj, "Normal", "HelmChartDeleted", f"deleted HelmChart '{known}'", trace=True
        )
    draft.set("helmChart", None)
