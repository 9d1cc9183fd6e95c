"""Which flags each flux command has (flux2 2.9 cmd/flux, ``flux COMMAND --help``)."""

from __future__ import annotations

from typing import Final

from kcsim.delivery.gitops.pflags import Dialect, flags

FLAGS: Final = Dialect(
    program="flux",
    short={
        "n": "namespace",
        "A": "all-namespaces",
        "l": "label-selector",
        "o": "output",
        "w": "watch",
        "f": "path",
    },
    switches=flags(
        """
        all all-namespaces client compact debug force ignore-not-found insecure-registry insecure-skip-tls-verify
        disable-compression no-header progress-bar recursive reproducible reset resolve-symlinks show-source
        strict-substitute verbose wait watch with-source help
        """
    ),
    everywhere=flags("namespace timeout verbose"),
    commands={
        "diff": flags("path progress-bar"),
        "events": flags("all-namespaces for types no-header"),
        "get": flags("all-namespaces label-selector no-header show-source status-selector"),
        "push": flags("path source revision ignore-paths"),
        "reconcile": flags("with-source force reset"),
        "resume": flags("all wait"),
        "suspend": flags("all"),
        "trace": flags("kind api-version"),
        "tree": flags("compact"),
        "version": flags("client"),
    },
    absent={
        "": flags(
            """
            as as-group as-uid as-user-extra cache-dir certificate-authority client-certificate client-key cluster context
            disable-compression help insecure-skip-tls-verify kube-api-burst kube-api-qps kubeconfig server
            tls-server-name token user
            """
        ),
        "diff": flags(
            """
            kustomization-file recursive local-sources strict-substitute ignore-paths ignore-not-found in-memory-build
            """
        ),
        "events": flags("watch"),
        "get": flags("watch"),
        "push": flags(
            """
            annotations creds debug insecure-registry output provider reproducible resolve-symlinks
            """
        ),
        "tree": flags("output"),
        "version": flags("output"),
    },
)
