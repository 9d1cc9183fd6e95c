"""What becomes of the Applications of an ApplicationSet: created, updated, deleted, or left alone.  Decides; never acts.

**Imitates:** argo-cd applicationset/controllers/applicationset_controller.go (`Reconcile`, `createOrUpdateInCluster`,
`deleteInCluster`, `validateGeneratedApplications`, `setApplicationSetStatusCondition`, `shouldRequeueForApplication`),
applicationset/utils (createOrUpdate.go, policy.go) and util/argo/argo.go (`NormalizeApplicationSpec`).

**Walk:** generated Applications -> `problems` -> `plan` beside those that are there -> writes, then `conditions`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.patch import merge_patch
from kcsim.delivery.gitops.argocd import terms
from kcsim.delivery.gitops.argocd.appset.generators import requeue_after
from kcsim.delivery.gitops.argocd.diff.ignore import Ignores, Rule
from kcsim.delivery.gitops.argocd.resources import metadata_of, name_of
from kcsim.engine.clock import seconds

REQUEUE_ON_ERROR = seconds("3m")
"""When an ApplicationSet with an error is looked at again."""

REFRESH = "argocd.argoproj.io/application-set-refresh"

PRESERVED_ANNOTATIONS = (
    "notified.notifications.argoproj.io",
    terms.REFRESH,
    "argocd.argoproj.io/hydrate",
)
"""What other controllers keep on an Application, and no ApplicationSet takes away."""

_DELETION_FINALIZERS = (terms.PRE_DELETE, terms.POST_DELETE)
_POLICIES = {
    "": (True, True),
    "sync": (True, True),
    "create-only": (False, False),
    "create-update": (True, False),
    "create-delete": (False, True),
}

_POLICY_PARTS = ("automated", "retry", "managedNamespaceMetadata")
_SOURCE_PARTS = ("kustomize", "helm", "directory")

PARAMETERS_GENERATED = "ParametersGenerated"
ERROR_OCCURRED = "ErrorOccurred"
UP_TO_DATE = "ResourcesUpToDate"
ROLLOUT_PROGRESSING = "RolloutProgressing"
INVALID_ROLLOUT = "InvalidRolloutConfig"


@dataclass(frozen=True, slots=True)
class Policy:
    """What an ApplicationSet may do with Applications that are there."""

    update: bool = True
    delete: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """The writes of one pass, each list in the order of names.

    `update`: the new object and the merge patch that leads to it.  `delete`: with the cascade finalizer taken off first
    where `strip` says so, since the destination is not there any more.
    """

    create: list[Object] = field(default_factory=list)
    update: list[tuple[Object, dict[str, Any]]] = field(default_factory=list)
    delete: list[Object] = field(default_factory=list)


def policy_of(appset: Object, controller: str = "sync", *, may_override: bool = True) -> Policy:
    """The policy that holds: the set's own where the controller lets it have one."""
    own = (terms.spec(appset).get("syncPolicy") or {}).get("applicationsSync")
    chosen = own if own is not None and may_override else controller
    update, delete = _POLICIES.get(str(chosen), (True, True))
    return Policy(update, delete)


def problems(
    appset: Object,
    applications: Sequence[Object],
    projects: Collection[str],
    destination_error: Callable[[Mapping[str, Any]], str],
) -> dict[str, str]:
    """What is wrong with generated Applications, by name; these are neither created nor updated.

    `destination_error`: a destination -> why there is no such cluster, "" when there is one.
    """
    found, seen = dict[str, str](), set[str]()
    set_name = name_of(appset)
    for app in applications:
        name, spec = name_of(app), terms.spec(app)
        project = str(spec.get("project") or "default")
        if not name:
            found[name] = (
                f"ApplicationSet {set_name} contains an application with no name; a name must be set in the template's "
                "metadata.name or via a templatePatch (generateName is not supported)"
            )
        elif name in seen:
            found[name] = f"ApplicationSet {set_name} contains applications with duplicate name: {name}"
        elif project not in projects:
            found[name] = f"application references project {project} which does not exist"
        elif error := destination_error(spec.get("destination") or {}):
            found[name] = f"application destination spec is invalid: {error}"
        seen.add(name)
    return found


def problem_message(found: Mapping[str, str]) -> str:
    """The message of ErrorOccurred for Applications with problems: that of the last name, and how many more."""
    last = found[max(found)]
    return last if len(found) == 1 else f"{last} (and {len(found) - 1} more)"


def plan(
    appset: Object,
    generated: Sequence[Object],
    current: Sequence[Object],
    wrong: Collection[str],
    policy: Policy,
    *,
    preserved_annotations: Sequence[str] = (),
    preserved_labels: Sequence[str] = (),
) -> Plan:
    """What is written: of `generated` those that are not `wrong`; gone is what is in `current` and not generated at all."""
    by_name = {name_of(app): app for app in current}
    ignores = ignored(appset)
    made = Plan()
    for app in sorted((a for a in generated if name_of(a) not in wrong), key=name_of):
        live = by_name.get(name_of(app))
        if live is None:
            made.create.append(_owned(appset, {**app, "spec": normal_spec(terms.spec(app))}))
        elif policy.update:
            new = desired(appset, app, live, preserved_annotations, preserved_labels)
            if patch := difference(live, new, ignores):
                made.update.append((new, patch))
    if policy.delete:
        wanted = {name_of(app) for app in generated}
        made.delete.extend(sorted((a for a in current if name_of(a) not in wanted), key=name_of))
    return made


def desired(
    appset: Object,
    generated: Object,
    live: Object,
    preserved_annotations: Sequence[str] = (),
    preserved_labels: Sequence[str] = (),
) -> Object:
    """A live Application as the set wants it: spec, labels, annotations and finalizers are the set's own."""
    fields = terms.spec(appset).get("preservedFields") or {}
    annotations = _preserving(
        generated,
        live,
        "annotations",
        (*(fields.get("annotations") or ()), *preserved_annotations, *PRESERVED_ANNOTATIONS),
    )
    labels = _preserving(generated, live, "labels", (*(fields.get("labels") or ()), *preserved_labels))
    finalizers = list(metadata_of(generated).get("finalizers") or ())
    kept = metadata_of(live).get("finalizers") or ()
    # Deletion hooks put theirs on, with a stage behind a slash.
    finalizers += [f for wanted in _DELETION_FINALIZERS for f in kept if f.startswith(wanted)]
    metadata = {
        k: v for k, v in metadata_of(live).items() if k not in ("annotations", "labels", "finalizers")
    }
    parts = {"annotations": annotations, "labels": labels, "finalizers": finalizers}
    made = {
        **live,
        "metadata": {**metadata, **{k: v for k, v in parts.items() if v}},
        "spec": normal_spec(terms.spec(generated)),
    }
    if generated.get("operation") is not None:
        made["operation"] = generated["operation"]
    return _owned(appset, made)


def difference(live: Object, new: Object, ignores: Ignores) -> dict[str, Any]:
    """The merge patch from a live Application to the wanted one, without ignored fields; empty when they are alike."""
    before = ignores.strip({**live, "spec": normal_spec(terms.spec(live))})
    after = ignores.strip(new)
    after = {**after, "metadata": {**metadata_of(after), "name": name_of(new)}}
    before = {**before, "spec": normal_spec(before.get("spec") or {})}
    after = {**after, "spec": normal_spec(after.get("spec") or {})}
    return merge_patch.diff(before, after)


def specs_alike(live: Object, generated: Object, ignores: Ignores) -> bool:
    """Whether two Applications ask for the same, by what an update would change (`SpecsEquivalent`)."""
    sides = (ignores.strip({**app, "spec": normal_spec(terms.spec(app))}) for app in (live, generated))
    before, after = (normal_spec(side.get("spec") or {}) for side in sides)
    return before == after


def ignored(appset: Object) -> Ignores:
    """The rules of `ignoreApplicationDifferences`.

    Raises: ValueError for a jq expression that is not modelled.
    """
    rules = terms.spec(appset).get("ignoreApplicationDifferences") or ()
    return Ignores(
        tuple(
            Rule(
                terms.GROUP,
                "Application",
                str(raw.get("name") or ""),
                "",
                tuple(raw.get("jsonPointers") or ()),
                tuple(raw.get("jqPathExpressions") or ()),
            )
            for raw in rules
        )
    )


def normal_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec without what says nothing: parts that are empty; the project `default` where none is named."""
    made = {k: v for k, v in spec.items() if v is not None}
    made["project"] = made.get("project") or "default"
    policy = made.get("syncPolicy") or {}
    if not policy.get("syncOptions") and not any(policy.get(f) is not None for f in _POLICY_PARTS):
        made.pop("syncPolicy", None)
    if made.get("sources"):
        made["sources"] = [_normal_source(source) for source in made["sources"]]
    elif made.get("source"):
        made["source"] = _normal_source(made["source"])
    return {k: v for k, v in made.items() if v not in ([], {})}


def next_look(appset: Object, *, has_problems: bool) -> int:
    """When (µs) an ApplicationSet is looked at again by itself; 0 for never."""
    times = [requeue_after(generator) for generator in terms.spec(appset).get("generators") or ()]
    least = min((time for time in times if time), default=0)
    return least or (REQUEUE_ON_ERROR if has_problems else 0)


def concerns(old: Object, new: Object, *, progressive: bool) -> bool:
    """Whether a change of an Application makes its ApplicationSet look again."""
    before, after = terms.spec(old), terms.spec(new)
    # Most changes are of the status: equal specs need no closer look.
    if before != after and normal(before) != normal(after):
        return True
    for part in ("annotations", "labels", "finalizers"):
        if (metadata_of(old).get(part) or None) != (metadata_of(new).get(part) or None):
            return True
    if not progressive:
        return False
    for part in ("health", "sync"):
        was, is_now = ((terms.status(app).get(part) or {}).get("status") for app in (old, new))
        if was != is_now:
            return True
    earlier, later = (terms.operation_state(app) for app in (old, new))
    if not earlier or not later:
        return False
    return any(earlier.get(f) != later.get(f) for f in ("phase", "startedAt"))


def normal(value: Any) -> Any:
    """A value in which what is empty counts as absent (cmpopts.EquateEmpty)."""
    if isinstance(value, Mapping):
        return {k: normal(v) for k, v in value.items() if v not in (None, [], {})}
    return [normal(item) for item in value] if isinstance(value, list) else value


# --- conditions ---------------------------------------------------------------------------------------------------


def condition(kind: str, status: bool, reason: str, message: str) -> dict[str, str]:
    """A condition of an ApplicationSet."""
    return {"type": kind, "status": "True" if status else "False", "reason": reason, "message": message}


def error_condition(reason: str, message: str) -> dict[str, str]:
    """ErrorOccurred."""
    return condition(ERROR_OCCURRED, True, reason, message)


def up_to_date() -> dict[str, str]:
    """ResourcesUpToDate after a pass in which all went well."""
    return condition(
        UP_TO_DATE, True, "ApplicationSetUpToDate", "All applications have been generated successfully"
    )


def conditions(
    old: Sequence[Mapping[str, Any]],
    new: Iterable[Mapping[str, str]],
    now: str,
    *,
    generated: bool,
    rolling: bool,
) -> list[dict[str, Any]]:
    """`status.conditions` after a step of a pass, with what follows from the new ones.

    `generated`: whether all parameters could be generated.  `rolling`: whether the strategy is RollingSync.  `now`: RFC 3339.
    """
    given = list(new)
    looked = {PARAMETERS_GENERATED} | (set() if rolling else {ROLLOUT_PROGRESSING, INVALID_ROLLOUT})
    failed = next((c["message"] for c in given if c["type"] == ERROR_OCCURRED), "progressive sync")
    made: list[dict[str, str]] = []
    if all(c["type"] != PARAMETERS_GENERATED for c in given):
        text = "Successfully generated parameters for all Applications" if generated else failed
        reason = PARAMETERS_GENERATED if generated else ERROR_OCCURRED
        made.append(condition(PARAMETERS_GENERATED, generated, reason, text))
    for each in given:
        if each["type"] in (ROLLOUT_PROGRESSING, INVALID_ROLLOUT) and not rolling:
            continue
        looked.add(each["type"])
        made.append(dict(each))
        if each["status"] != "True":
            continue
        if each["type"] == UP_TO_DATE:
            # What is up to date has had no error.
            looked.add(ERROR_OCCURRED)
            made.append(condition(ERROR_OCCURRED, False, each["reason"], each["message"]))
        elif each["type"] == ERROR_OCCURRED:
            looked.add(UP_TO_DATE)
            made.append(condition(UP_TO_DATE, False, ERROR_OCCURRED, each["message"]))
    kept = [dict(c) for c in old if c["type"] not in looked]
    for each in made:
        before = next((c for c in old if c["type"] == each["type"]), None)
        same = before is not None and all(
            before.get(f) == each.get(f) for f in ("status", "reason", "message")
        )
        kept.append(dict(before) if before is not None and same else {**each, "lastTransitionTime": now})
    return sorted(kept, key=lambda c: [c.get(f, "") for f in ("type", "status", "reason", "message")])


def _owned(appset: Object, app: Object) -> Object:
    references = [r for r in objects.owner_refs(app) if r.get("uid") != objects.uid(appset)]
    return objects.with_metadata(app, ownerReferences=[*references, objects.owner_reference(appset)])


def _preserving(generated: Object, live: Object, part: str, keys: Iterable[str]) -> dict[str, str]:
    there = metadata_of(live).get(part) or {}
    kept = {key: there[key] for key in keys if key in there}
    return {**(metadata_of(generated).get(part) or {}), **kept}


def _normal_source(source: Mapping[str, Any]) -> dict[str, Any]:
    return {
        k: v for k, v in source.items() if v is not None and (k not in _SOURCE_PARTS or _says_something(v))
    }


def _says_something(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_says_something(item) for item in value.values())
    return value not in (None, "", 0, False, [])
