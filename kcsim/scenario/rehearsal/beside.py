"""What a cluster has to have that nothing in a rehearsed repository makes.  Decides; never acts.

A repository seldom holds all of a cluster: namespaces are made by hand, definitions come with a chart, the deploy key with
`flux bootstrap`. What is added here is said, so that nobody takes it for the repository's own.
**Walk:** every object that the repository brings -> namespaces that are used and not made -> kinds that nobody defines ->
Secrets that sources name.
"""

from collections.abc import Iterable, Sequence

from kcsim.api import objects
from kcsim.api.built_in import BUILT_IN
from kcsim.api.catalog import Catalog
from kcsim.api.objects import Object
from kcsim.api.resources import gvk_of
from kcsim.cluster.routing.crds import definitions as routing_definitions
from kcsim.delivery.gitops.argocd import install as argocd_install
from kcsim.delivery.gitops.flux import install as flux_install
from kcsim.delivery.gitops.flux.toolkit import SOURCE_GROUP, spec
from kcsim.scenario.expanded import is_kind


def objects_beside(brought: Sequence[Object], notes: list[str]) -> list[Object]:
    """What the cluster has to have that nothing in the repository makes: namespaces, definitions of kinds, credentials."""
    made = {objects.name(obj) for obj in brought if obj.get("kind") == "Namespace"}
    used = {space for obj in brought if (space := (obj.get("metadata") or {}).get("namespace"))}
    given = {"default", "kube-system", "kube-public", "kube-node-lease", "flux-system", "argocd"}
    spaces = sorted(used - made - given)
    if spaces:
        notes.append(f"namespaces that nothing in it makes are taken to be there: {', '.join(spaces)}")
    kinds = _unknown_kinds(brought)
    if kinds:
        told = ", ".join(f"{kind} ({group})" for group, kind in sorted(kinds))
        notes.append(f"kinds that kcsim stores and nobody here acts on: {told}")
    secrets = _credentials(brought)
    if secrets:
        told = ", ".join(f"{space}/{name}" for space, name in secrets)
        notes.append(f"Secrets with the credentials of sources are taken to be there, and good: {told}")
    homes = sorted({space for space, _ in secrets} - {*spaces, *made, "default"})
    return [
        *(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}
            for space in (*spaces, *homes)
        ),
        *(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": n, "namespace": s}}
            for s, n in secrets
        ),
        *(_definition(kind, sorted(used)) for kind, used in sorted(kinds.items())),
    ]


def _credentials(brought: Sequence[Object]) -> list[objects.Key]:
    """The Secrets that sources of Flux's name and nothing in the repository makes; `flux bootstrap` makes such a one."""
    made = {objects.key(obj) for obj in brought if obj.get("kind") == "Secret"}
    wanted = {
        (objects.namespace(obj), str(ref["name"]))
        for obj in brought
        if is_kind(obj, SOURCE_GROUP, "GitRepository", "OCIRepository", "Bucket", "HelmRepository")
        and (ref := spec(obj).get("secretRef") or {}).get("name")
    }
    return sorted(wanted - made)


Kind = tuple[str, str]
"""(group, kind)."""
Use = tuple[str, bool]
"""(version, whether in a namespace)."""


_KUSTOMIZE = "kustomize.config.k8s.io"
"""Of files that kustomize reads and no cluster is sent."""


def _unknown_kinds(brought: Iterable[Object]) -> dict[Kind, set[Use]]:
    """Kinds that neither kcsim nor a definition in the repository knows, and how they are used."""
    defined = {
        (obj["spec"].get("group"), (obj["spec"].get("names") or {}).get("kind"))
        for obj in brought
        if obj.get("kind") == "CustomResourceDefinition" and isinstance(obj.get("spec"), dict)
    }
    modelled = {
        (obj["spec"]["group"], obj["spec"]["names"]["kind"])
        for obj in (
            *flux_install.install_objects(components=tuple(flux_install.IMAGES)),
            *argocd_install.install_objects(),
        )
        if obj["kind"] == "CustomResourceDefinition"
    }
    catalog = Catalog(BUILT_IN)
    found: dict[Kind, set[Use]] = {}
    for obj in brought:
        group, version, kind = gvk_of(obj)
        if group == _KUSTOMIZE:
            continue
        if (
            group
            and catalog.by_gvk((group, version, kind)) is None
            and (group, kind) not in defined | modelled
        ):
            in_namespace = bool((obj.get("metadata") or {}).get("namespace")) or not kind.startswith(
                "Cluster"
            )
            found.setdefault((group, kind), set()).add((version, in_namespace))
    return found


def _definition(kind: Kind, used: Sequence[Use]) -> Object:
    """A definition that takes whatever an object of the kind says; that of kcsim's routing where it has one."""
    group, name = kind
    versions = list(dict.fromkeys(version for version, _ in used))
    for crd in routing_definitions():
        served = {version["name"] for version in crd["spec"]["versions"]}
        if (crd["spec"]["group"], crd["spec"]["names"]["kind"]) == kind and served.issuperset(versions):
            return crd
    plural = f"{name.lower()[:-1]}ies" if name.endswith("y") else f"{name.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced" if any(in_namespace for _, in_namespace in used) else "Cluster",
            "names": {"kind": name, "listKind": f"{name}List", "plural": plural, "singular": name.lower()},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": version == versions[-1],
                    "schema": {"openAPIV3Schema": schema},
                }
                for version in versions
            ],
        },
    }
