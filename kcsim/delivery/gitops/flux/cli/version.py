"""flux version: of the command and of the controllers installed.

**Imitates:** flux2 cmd/flux/version.go.
"""

from __future__ import annotations

from kcsim.api import objects
from kcsim.delivery.gitops.flux.cli.session import FluxError, Kind, Session
from kcsim.delivery.gitops.flux.install import VERSION
from kcsim.engine.task import Steps


def version(session: Session, kinds: tuple[Kind, ...]) -> Steps:
    """Print versions."""
    del kinds
    session.print(f"flux: {VERSION}")
    if session.arguments.on("client"):
        return
    found = yield session.client.list(
        "deployments", session.namespace, label_selector="app.kubernetes.io/part-of=flux"
    )
    if not found["items"]:
        raise FluxError(f"no deployments found in {session.namespace} namespace")
    session.print(f"distribution: flux-{_label(found['items'][0])}")
    controllers = {}
    for deployment in found["items"]:
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            name, _, tag = container["image"].rpartition("/")[2].partition(":")
            controllers[name] = tag
    for name, tag in sorted(controllers.items()):
        session.print(f"{name}: {tag}")


def _label(deployment: dict[str, object]) -> str:
    return objects.labels(deployment).get("app.kubernetes.io/version", VERSION)
