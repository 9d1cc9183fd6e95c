"""Controllers of one's own, as a scenario brings them along."""

from dataclasses import dataclass
from typing import Annotated

from kcsim.scenario.model.part import Part
from kcsim.scenario.values import Json, Name, NamespaceName


@dataclass(frozen=True, kw_only=True)
class Controller(Part):
    """A controller that the story brings along: a program with a process, an identity and rights of its own."""

    name: Annotated[Name, "Of the program, its ServiceAccount and its ClusterRole."]
    use: Annotated[
        str,
        "The Python class: package.module:Class, or folder/file.py:Class beside this file. Playing the story runs it.",
    ]
    namespace: Annotated[NamespaceName, "Where its ServiceAccount lives."] = "default"
    rules: Annotated[
        tuple[Json, ...], "RBAC rules it gets (apiGroups, resources, verbs); left out: the class's `rules`."
    ] = ()
    user: Annotated[str, "Run as this user, who has rights already: system:kube-controller-manager."] = ""
    cluster: Annotated[Name | None, "Cluster it runs in; the first when left out."] = None
