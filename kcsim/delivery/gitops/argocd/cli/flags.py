"""Which flags each command of ``argocd app`` has (argo-cd 3.x cmd/argocd/commands/app.go, ``argocd app COMMAND --help``)."""

from __future__ import annotations

from typing import Final

from kcsim.delivery.gitops.pflags import Dialect, flags

_COMPARES = "refresh hard-refresh"
_SELECTS = "selector"

FLAGS: Final = Dialect(
    program="argocd",
    short={
        "c": "cluster",
        "l": "selector",
        "N": "app-namespace",
        "o": "output",
        "p": "project",
        "P": "path",
        "r": "repo",
        "y": "yes",
    },
    switches=flags(
        """
        apply-out-of-sync-only assumeYes async auto-prune cascade client core degraded delete dry-run exit-code force
        hard-refresh health help insecure operation orphaned plaintext preview-changes prune refresh replace self-heal
        server-side server-side-diff server-side-generate show-operation show-params short suspended sync
        validate wait yes allow-empty grpc-web port-forward directory-recurse
        kustomize-force-common-label kustomize-force-common-annotation helm-pass-credentials helm-skip-crds
        helm-skip-tests
        """
    ),
    everywhere=flags("core"),
    commands={
        "app delete": flags("app-namespace cascade propagation-policy yes"),
        "app diff": flags(f"app-namespace exit-code revision {_COMPARES}"),
        "app get": flags(f"app-namespace output show-operation {_COMPARES}"),
        "app history": flags("app-namespace output"),
        "app list": flags(f"app-namespace cluster output path project repo {_SELECTS}"),
        "app resources": flags("app-namespace orphaned output"),
        "app rollback": flags("app-namespace prune timeout"),
        "app set": flags("app-namespace auto-prune path repo revision self-heal sync-option sync-policy"),
        "app sync": flags(
            f"""
            app-namespace apply-out-of-sync-only async dry-run force prune replace resource retry-backoff-duration
            retry-backoff-factor retry-backoff-max-duration retry-limit revision server-side strategy timeout {_SELECTS}
            """
        ),
        "app terminate-op": flags("app-namespace"),
        "version": flags("client short"),
        "app wait": flags(
            f"app-namespace degraded delete health operation suspended sync timeout {_SELECTS}"
        ),
    },
    absent={
        "": flags(
            """
            argocd-context auth-token client-crt client-crt-key config controller-name grpc-web grpc-web-root-path header
            help http-retry-max insecure kube-context logformat loglevel plaintext port-forward port-forward-namespace
            prompts-enabled redis-haproxy-name redis-name repo-server-name server server-crt server-name
            """
        ),
        "app delete": flags("selector wait"),
        "app diff": flags(
            """
            ignore-normalizer-jq-execution-timeout local local-include local-repo-root revisions server-side-diff
            server-side-generate source-names source-positions diff-exit-code
            """
        ),
        "app get": flags("show-params source-name source-position timeout"),
        "app rollback": flags("output"),
        "app set": flags(
            """
            allow-empty config-management-plugin dest-name dest-namespace dest-server directory-exclude directory-include
            directory-recurse env helm-api-versions helm-chart helm-kube-version helm-namespace helm-pass-credentials
            helm-set helm-set-file helm-set-string helm-skip-crds helm-skip-tests helm-version ignore-missing-value-files
            jsonnet-ext-var-code jsonnet-ext-var-str jsonnet-libs jsonnet-tla-code jsonnet-tla-str
            kustomize-api-versions kustomize-common-annotation kustomize-common-label kustomize-force-common-annotation
            kustomize-force-common-label kustomize-image kustomize-kube-version kustomize-namespace kustomize-replica
            kustomize-version nameprefix namesuffix plugin-env project ref release-name revision-history-limit
            source-name source-position sync-retry-backoff-duration sync-retry-backoff-factor
            sync-retry-backoff-max-duration sync-retry-limit sync-source-branch sync-source-path validate values
            values-literal-file
            """
        ),
        "app sync": flags(
            """
            assumeYes ignore-normalizer-jq-execution-timeout info label local local-repo-root output preview-changes project
            retry-refresh revisions source-names source-positions
            """
        ),
        "version": flags("output"),
        "app wait": flags("output resource hydrated"),
    },
)
