"""From parameters to Applications.  Decides; never acts.

**Imitates:** argo-cd applicationset/controllers/template (template.go, patch.go), utils.go (`RenderTemplateParams`) and
generator_spec_processor.go (`mergeGeneratorTemplate`).
Differs: a templatePatch merges maps and replaces lists, but for finalizers, which it adds to; the fields of an Application
know no other merge key.

**Walk:** `spec` -> each generator's parameter sets -> its template over that of the set -> filled in -> patched -> an
Application in the namespace of the set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.api.objects import Object
from kcsim.api.patch import strategic
from kcsim.api.patch.schema import FREE_FORM
from kcsim.api.patch.values import PatchError
from kcsim.delivery.gitops.argocd import terms
from kcsim.delivery.gitops.argocd.appset.asks import Answers
from kcsim.delivery.gitops.argocd.appset.generators import Set, transform
from kcsim.delivery.gitops.argocd.appset.render import Params, Renderer, RenderError
from kcsim.delivery.gitops.argocd.resources import metadata_of, name_of, namespace_of
from kcsim.manifests import ManifestError, documents

PARAMS_ERROR = "ApplicationGenerationFromParamsError"
RENDER_ERROR = "RenderTemplateParamsError"


@dataclass(frozen=True, slots=True)
class Generated:
    """The Applications of an ApplicationSet; with an `error`, nothing is done with them in this pass.

    `reason` goes with the error into the condition ErrorOccurred.
    """

    applications: list[Object]
    error: str = ""
    reason: str = ""


def generate(appset: Object, answers: Answers) -> Generated:
    """The Applications that an ApplicationSet asks for.

    Raises: Wanted for a question about the world that has not been answered.
    """
    spec = appset.get("spec") or {}
    owner = Set(spec, answers)
    applications, error, reason = list[Object](), "", ""
    for generator in spec.get("generators") or ():
        try:
            found = transform(generator, owner)
        except ValueError as problem:
            error, reason = (error, reason) if error else (str(problem), PARAMS_ERROR)
            continue
        for part in found:
            template = merged(part.template, spec.get("template") or {})
            for params in part.params:
                try:
                    app = render(template, spec, params)
                except RenderError as problem:
                    error, reason = (error, reason) if error else (str(problem), RENDER_ERROR)
                    continue
                # Never another namespace than that of the set: it is the border between teams.
                applications.append(_in_namespace(app, namespace_of(appset)))
    return Generated(applications, error, reason)


def render(template: Mapping[str, Any], spec: Mapping[str, Any], params: Params) -> Object:
    """One Application from a template and parameters.

    Raises: RenderError.
    """
    renderer = Renderer.of(spec)
    app: Object = {"apiVersion": terms.API_VERSION, "kind": "Application", **template}
    if params:
        # Without parameters there is nothing to fill in, and no finalizer either.
        app = renderer.deep(app, params)
        preserves = (spec.get("syncPolicy") or {}).get("preserveResourcesOnDeletion")
        if not preserves and not metadata_of(app).get("finalizers"):
            app = {**app, "metadata": {**metadata_of(app), "finalizers": [terms.CASCADE]}}
    if (patch := spec.get("templatePatch")) is not None:
        app = _patched(app, str(patch), renderer, params)
    return app


def merged(own: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """A generator's template, with what it leaves empty taken from that of the set."""
    made = dict(own)
    for key, value in base.items():
        before = made.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            made[key] = merged(before, value)
        elif before in (None, "", 0, False, [], {}):
            made[key] = value
    return made


def _patched(app: Object, patch: str, renderer: Renderer, params: Params) -> Object:
    try:
        text = renderer.text(patch, params)
    except RenderError as error:
        raise RenderError(f"error replacing values in templatePatch: {error}") from None
    try:
        found = documents(text, "templatePatch")
    except ManifestError as error:
        raise RenderError(f'error while converting template to json "{text}": {error}') from None
    change = found[0].value if found else None
    if change is None:
        return app
    if not isinstance(change, dict):
        raise RenderError(f'invalid templatePatch "{text}": it is no object')
    try:
        made = strategic.apply(app, change, FREE_FORM)
    except PatchError as error:
        raise RenderError(f'error while applying templatePatch template to json "{text}": {error}') from None
    finalizers = list(metadata_of(app).get("finalizers") or ())
    added = [f for f in metadata_of(change).get("finalizers") or () if f not in finalizers]
    if added:
        made = {**made, "metadata": {**metadata_of(made), "finalizers": finalizers + added}}
    # The project stays, so that a patch cannot move an Application to where more is allowed.
    project = (app.get("spec") or {}).get("project")
    kept = {k: v for k, v in (made.get("spec") or {}).items() if k != "project"}
    return {**made, "spec": kept if project is None else {**kept, "project": project}}


def _in_namespace(app: Object, namespace: str) -> Object:
    metadata = {k: v for k, v in metadata_of(app).items() if k != "namespace"}
    if namespace:
        metadata["namespace"] = namespace
    return {**app, "metadata": {"name": name_of(app), **metadata}}
