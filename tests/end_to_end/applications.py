"""Applications to deliver: real ones, where a folder of their manifests is at hand, and one of our own that always is.

The manifests of public applications are read where they are and never copied into this repository. Each application
becomes a git repository made on the spot: its files, and an overlay that says how many replicas there shall be. Without
such a number in git, `kubectl scale` is no drift, and no agent undoes it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kcsim.delivery.ci.render import read_objects, render
from kcsim.delivery.git.repository import Repository

HERE = Path(__file__).parent
VARIABLE = "KCSIM_REAL_APPLICATIONS"
"""Names the folder that holds the manifests of public applications, each in a folder of its own."""
BESIDE = HERE.parents[2] / "shared" / "real"


def real_folder() -> Path:
    """Where the manifests of public applications are, or would be."""
    return Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else BESIDE


@dataclass(frozen=True)
class Application:
    """One application.

    Attributes:
        folder: below the folder of public applications; for our own: below this one.
        manifests: the folder in it to deliver.
        replicas: what the overlay says, by Deployment; the first is the one that drifts.
        placed_by: who says the namespace: the manifests, the overlay, or the delivery (`kubectl -n`, targetNamespace).
            Somebody has to: Flux applies nothing that has no namespace.
        autoscaler: one to leave out: it would fight git over the replicas that the story is about.
    """

    name: str
    folder: str
    manifests: str
    namespace: str
    replicas: Mapping[str, int]
    placed_by: str = "overlay"
    ours: bool = False
    autoscaler: str = ""

    @property
    def place(self) -> Path:
        """Its folder on disk."""
        return (HERE if self.ours else real_folder()) / self.folder

    @property
    def missing(self) -> str:
        """Why it cannot be tried here; "" when it can."""
        if (self.place / self.manifests).is_dir():
            return ""
        return f"no {self.place / self.manifests}: set {VARIABLE} to a folder of public applications"

    def files(self) -> dict[str, bytes]:
        """The repository's files: those of the application, and the overlay in `deploy/`."""
        found = {
            f"app/{path.relative_to(self.place).as_posix()}": path.read_bytes()
            for path in sorted(self.place.rglob("*"))
            if path.is_file()
        }
        lines = ["apiVersion: kustomize.config.k8s.io/v1beta1", "kind: Kustomization"]
        if self.placed_by == "overlay":
            lines.append(f"namespace: {self.namespace}")
        lines += ["resources:", f"  - ../app/{self.manifests}", "replicas:"]
        lines += [f"  - {{name: {name}, count: {count}}}" for name, count in self.replicas.items()]
        if self.autoscaler:
            lines += ["patches:", "  - patch: |-", *_WITHOUT, f"        name: {self.autoscaler}"]
        return {**found, "deploy/kustomization.yaml": "\n".join(lines).encode() + b"\n"}

    def write_repository(self, path: Path) -> Path:
        """Make a git repository of it on disk."""
        repository = Repository(self.name)
        repository.commit("main", self.files(), "Import", "Ana <ana@example.com>", 0)
        repository.write_to(str(path))
        return path

    def deployments(self) -> dict[str, int]:
        """Deployment -> how many replicas git asks for (1 where it says nothing)."""
        objects = read_objects(render(self.files(), "deploy"))
        return {
            obj["metadata"]["name"]: obj["spec"].get("replicas", 1)
            for obj in objects
            if obj["kind"] == "Deployment"
        }


_WITHOUT = (
    "      $patch: delete",
    "      apiVersion: autoscaling/v2",
    "      kind: HorizontalPodAutoscaler",
    "      metadata:",
)

APPLICATIONS = (
    Application(
        "bookshop", "bookshop", "overlays/production", "bookshop", {"cart": 2}, "manifests", ours=True
    ),
    Application("podinfo", "podinfo", "kustomize", "default", {"podinfo": 3}, autoscaler="podinfo"),
    Application(
        "podinfo-backend",
        "podinfo",
        "deploy/bases/backend",
        "default",
        {"backend": 2},
        "delivery",
        autoscaler="backend",
    ),
    Application(
        "microservices-demo",
        "microservices-demo",
        "kubernetes-manifests",
        "default",
        {"frontend": 3, "cartservice": 2},
        "delivery",
    ),
    Application("online-boutique", "microservices-demo", "kustomize/base", "default", {"checkoutservice": 2}),
)
