"""Which flags each command has, as kubectl lists them itself.

**Imitates:** the options of ``kubectl COMMAND --help`` (v1.32, and what v1.36 added). A flag of another command is
refused as an unknown one; a flag that a command has, and that its code here never asks about, is told at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_GROUPS = {
    "FILES": "filename kustomize recursive",
    "PRINT": "allow-missing-template-keys output show-managed-fields template",
    "MAKE": "dry-run field-manager save-config validate",
}
GLOBAL = frozenset(
    """
    as as-group as-uid cache-dir certificate-authority client-certificate client-key cluster context
    disable-compression help insecure-skip-tls-verify kubeconfig kuberc log-flush-frequency match-server-version
    namespace password profile profile-output request-timeout server tls-server-name token user username v vmodule
    warnings-as-errors
    """.split()
)
"""Flags that every command has."""
WITHOUT_EFFECT = frozenset(
    """
    allow-missing-template-keys cache-dir cached chunk-size concurrency disable-compression field-manager flatten
    insecure-skip-tls-verify insecure-skip-tls-verify-backend keep-annotations keep-labels keep-liveness keep-readiness
    keep-startup log-flush-frequency match-server-version
    max-log-requests minify namespace openapi-patch pod-running-timeout profile profile-output quiet request-timeout
    show-managed-fields
    skip-wait-for-delete-timeout use-protocol-buffers v vmodule wait windows-line-endings
    """.split()
)
"""Flags about how the real client works, or about what a command that was given them need not ask."""
NOT_MODELLED = frozenset(
    """
    as-uid audience auth-provider auth-provider-arg bound-object-kind bound-object-name bound-object-uid
    certificate-authority embed-certs exec-api-version exec-arg exec-command exec-env
    exec-interactive-mode exec-provide-cluster-info help interactive leave-stdin-open output-directory
    proxy-url set-raw-bytes
    show-capacity sum tls-server-name warnings-as-errors
    """.split()
)
"""Flags that no command here knows what to do with: they are refused, so that nobody relies on them."""
_OPTIONS = {
    "annotate": (
        "FILES PRINT all all-namespaces dry-run field-manager field-selector list local overwrite "
        "resource-version selector"
    ),
    "api-resources": "api-group cached categories namespaced no-headers output sort-by verbs",
    "apply": (
        "FILES PRINT all applyset cascade dry-run field-manager force force-conflicts grace-period "
        "openapi-patch overwrite prune prune-allowlist selector server-side subresource timeout "
        "validate wait"
    ),
    "apply edit-last-applied": "FILES PRINT field-manager validate windows-line-endings",
    "apply set-last-applied": "PRINT create-annotation dry-run filename",
    "apply view-last-applied": "FILES all output selector",
    "auth can-i": "all-namespaces list no-headers quiet subresource",
    "auth reconcile": "FILES PRINT dry-run remove-extra-permissions remove-extra-subjects",
    "auth whoami": "PRINT",
    "autoscale": "FILES PRINT cpu cpu-percent dry-run field-manager max memory min name save-config",
    "cluster-info dump": "PRINT all-namespaces namespaces output-directory pod-running-timeout",
    "config get-contexts": "no-headers output",
    "config set": "set-raw-bytes",
    "config set-cluster": (
        "certificate-authority embed-certs insecure-skip-tls-verify proxy-url server tls-server-name"
    ),
    "config set-context": "cluster current namespace user",
    "config set-credentials": (
        "auth-provider auth-provider-arg client-certificate client-key embed-certs exec-api-version "
        "exec-arg exec-command exec-env exec-interactive-mode exec-provide-cluster-info password "
        "token username"
    ),
    "config view": "PRINT flatten merge minify raw",
    "cordon": "dry-run selector",
    "create": "FILES PRINT MAKE edit raw selector windows-line-endings",
    "create clusterrole": "PRINT MAKE aggregation-rule non-resource-url resource resource-name verb",
    "create clusterrolebinding": "PRINT MAKE clusterrole group serviceaccount user",
    "create configmap": "PRINT MAKE append-hash from-env-file from-file from-literal",
    "create cronjob": "PRINT MAKE image restart schedule",
    "create deployment": "PRINT MAKE image port replicas",
    "create ingress": "PRINT MAKE annotation class default-backend rule",
    "create job": "PRINT MAKE from image",
    "create namespace": "PRINT MAKE",
    "create poddisruptionbudget": "PRINT MAKE max-unavailable min-available selector",
    "create priorityclass": "PRINT MAKE description global-default preemption-policy value",
    "create quota": "PRINT MAKE hard scopes",
    "create role": "PRINT MAKE resource resource-name verb",
    "create rolebinding": "PRINT MAKE clusterrole group role serviceaccount user",
    "create secret docker-registry": (
        "PRINT MAKE append-hash docker-email docker-password docker-server docker-username from-file"
    ),
    "create secret generic": "PRINT MAKE append-hash from-env-file from-file from-literal type",
    "create secret tls": "PRINT MAKE append-hash cert key",
    "create service clusterip": "PRINT MAKE clusterip tcp",
    "create service externalname": "PRINT MAKE external-name tcp",
    "create service loadbalancer": "PRINT MAKE tcp",
    "create service nodeport": "PRINT MAKE node-port tcp",
    "create serviceaccount": "PRINT MAKE",
    "create token": "PRINT audience bound-object-kind bound-object-name bound-object-uid duration",
    "debug": (
        "arguments-only attach container copy-to custom env filename image image-pull-policy keep-annotations "
        "keep-init-containers keep-labels keep-liveness keep-readiness keep-startup profile quiet replace "
        "same-node set-image share-processes stdin target tty"
    ),
    "delete": (
        "FILES all all-namespaces cascade dry-run field-selector force grace-period ignore-not-found "
        "interactive now output raw selector timeout wait"
    ),
    "describe": "FILES all-namespaces chunk-size selector show-events",
    "diff": (
        "FILES concurrency field-manager force-conflicts prune prune-allowlist selector server-side "
        "show-managed-fields"
    ),
    "drain": (
        "chunk-size delete-emptydir-data disable-eviction dry-run force grace-period "
        "ignore-daemonsets pod-selector selector skip-wait-for-delete-timeout timeout"
    ),
    "edit": "FILES PRINT field-manager output-patch save-config subresource validate windows-line-endings",
    "events": "PRINT all-namespaces chunk-size for no-headers types watch",
    "explain": "api-version output recursive",
    "expose": (
        "FILES PRINT cluster-ip dry-run external-ip field-manager labels load-balancer-ip name "
        "override-type overrides port protocol save-config selector session-affinity target-port type"
    ),
    "get": (
        "FILES PRINT all-namespaces chunk-size field-selector ignore-not-found label-columns "
        "no-headers output-watch-events raw selector server-print show-kind show-labels sort-by "
        "subresource watch watch-only"
    ),
    "label": (
        "FILES PRINT all all-namespaces dry-run field-manager field-selector list local overwrite "
        "resource-version selector"
    ),
    "logs": (
        "all-containers all-pods container follow ignore-errors insecure-skip-tls-verify-backend "
        "limit-bytes max-log-requests pod-running-timeout prefix previous selector since since-time "
        "tail timestamps"
    ),
    "patch": "FILES PRINT dry-run field-manager local patch patch-file subresource type",
    "replace": "FILES PRINT MAKE cascade force grace-period raw subresource timeout wait",
    "rollout history": "FILES PRINT revision selector",
    "rollout pause": "FILES PRINT field-manager selector",
    "rollout restart": "FILES PRINT field-manager selector",
    "rollout resume": "FILES PRINT field-manager selector",
    "rollout status": "FILES revision selector timeout watch",
    "rollout undo": "FILES PRINT dry-run selector to-revision",
    "run": (
        "FILES PRINT annotations attach cascade command dry-run env expose field-manager force "
        "grace-period image image-pull-policy labels leave-stdin-open override-type overrides "
        "pod-running-timeout port privileged quiet restart rm save-config stdin timeout tty wait"
    ),
    "scale": "FILES PRINT all current-replicas dry-run replicas resource-version selector timeout",
    "set env": (
        "FILES PRINT all containers dry-run env field-manager from keys list local overwrite prefix "
        "resolve selector"
    ),
    "set image": "FILES PRINT all dry-run field-manager local selector",
    "set resources": "FILES PRINT all containers dry-run field-manager limits local requests selector",
    "set selector": "PRINT all dry-run field-manager filename local recursive resource-version",
    "set serviceaccount": "FILES PRINT all dry-run field-manager local",
    "set subject": "FILES PRINT all dry-run field-manager group local selector serviceaccount user",
    "taint": "PRINT all dry-run field-manager overwrite selector validate",
    "top node": "no-headers selector show-capacity sort-by use-protocol-buffers",
    "top pod": (
        "all-namespaces containers field-selector no-headers selector sort-by sum use-protocol-buffers"
    ),
    "uncordon": "dry-run selector",
    "version": "client output",
    "wait": "PRINT all all-namespaces field-selector filename for local recursive selector timeout",
}


ALIASES = {
    "cj": "cronjob", "cm": "configmap", "deploy": "deployment", "ing": "ingress", "ns": "namespace",
    "pc": "priorityclass", "pdb": "poddisruptionbudget", "resourcequota": "quota", "sa": "serviceaccount",
    "svc": "service", "pods": "pod", "po": "pod", "nodes": "node", "no": "node", "res": "resources",
}  # fmt: skip
"""Other words for what a command of a family makes or looks at."""
_FAMILIES = frozenset({"apply", "auth", "cluster-info", "config", "create", "rollout", "set", "top"})


def paths() -> tuple[str, ...]:
    """The commands that have flags of their own."""
    return tuple(_OPTIONS)


def options_of(words: Sequence[str]) -> frozenset[str] | None:
    """The flags of a command, by its words (``create secret generic``); None for a command that has no list here."""
    path_words = list(words[:1])
    if words and words[0] in _FAMILIES:
        path_words += [ALIASES.get(word, word) for word in words[1:3]]
    for length in range(len(path_words), 0, -1):
        path = " ".join(path_words[:length])
        if path in _OPTIONS:
            return frozenset(_expanded(_OPTIONS[path].split()))
    return None


def _expanded(words: Iterable[str]) -> Iterable[str]:
    for word in words:
        yield from _GROUPS[word].split() if word in _GROUPS else (word,)
