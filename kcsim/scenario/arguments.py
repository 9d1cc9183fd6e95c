"""Binding a call's arguments: literals matched to a function's parameters, resolved against the scenario's names."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcsim.api.catalog import Catalog
from kcsim.api.resources import Resource
from kcsim.engine.clock import seconds
from kcsim.scenario.diagnostics import did_you_mean
from kcsim.scenario.functions import CATALOG, Arguments, Function, Param

DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class Names:
    """What a scenario defines that expressions may name; None = not known, everything goes."""

    traffic: frozenset[str] | None = None
    repositories: frozenset[str] | None = None
    clusters: frozenset[str] | None = None
    nodes: frozenset[str] | None = None
    catalog: Catalog = CATALOG


@dataclass(frozen=True, slots=True)
class ArgumentFault:
    """A wrong argument, and where."""

    node: ast.AST
    code: str
    message: str
    remedy: str = ""


@dataclass(slots=True)
class Bound:
    """The outcome: arguments to evaluate with, unless there are faults."""

    arguments: Arguments
    faults: list[ArgumentFault] = field(default_factory=list)


def bind(name: str, function: Function, call: ast.Call, names: Names) -> Bound:
    """Match a call's arguments to the function's parameters."""
    given, faults = _match(name, function, call)
    binder = _Binder(name, function, names, faults)
    for param, node in given:
        binder.take(param, node)
    binder.finish(call)
    return Bound(binder.arguments(), faults)


def _match(
    name: str, function: Function, call: ast.Call
) -> tuple[list[tuple[Param, ast.expr]], list[ArgumentFault]]:
    usage = f"Write {function.usage(name)}."
    faults: list[ArgumentFault] = []
    by_name = {param.name: param for param in function.params}
    given: dict[str, ast.expr] = {}
    if len(call.args) > len(function.params):
        extra = call.args[len(function.params)]
        faults.append(
            ArgumentFault(extra, "KC404", f"{name}() takes at most {len(function.params)} arguments", usage)
        )
    for param, node in zip(function.params, call.args, strict=False):
        given[param.name] = node
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg not in by_name:
            word = keyword.arg or "**"
            remedy = did_you_mean(word, by_name, f"arguments of {name}()")
            faults.append(
                ArgumentFault(keyword.value, "KC404", f"{name}() has no argument '{word[:60]}'", remedy)
            )
        elif keyword.arg in given:
            faults.append(
                ArgumentFault(keyword.value, "KC404", f"{name}() gets '{keyword.arg}' twice", usage)
            )
        else:
            given[keyword.arg] = keyword.value
    for param in function.params:
        if param.required and param.name not in given and not faults:
            faults.append(ArgumentFault(call, "KC404", f"{name}() needs the argument '{param.name}'", usage))
    return [(by_name[word], node) for word, node in given.items()], faults


class _Binder:
    """Resolves one call's literals, one parameter after the other."""

    def __init__(self, name: str, function: Function, names: Names, faults: list[ArgumentFault]) -> None:
        self.name, self.function, self.names, self.faults = name, function, names, faults
        self.resource: Resource | None = function.resource
        self.object_name = ""
        self.namespace: str | None = None
        self.cluster = ""
        self.text: dict[str, str] = {}
        self.duration: int | None = None
        self.labels: Mapping[str, str] = {}

    def take(self, param: Param, node: ast.expr) -> None:
        value = node.value if isinstance(node, ast.Constant) else None
        if param.kind == "duration" and isinstance(value, int | float) and not isinstance(value, bool):
            value = f"{value}s"
        if not isinstance(value, str):
            message = (
                f"{self.name}(): '{param.name}' is a quoted text, so that what is read is known beforehand"
            )
            self.fault(node, "KC404", message, f"Write {self.function.usage(self.name)}.")
            return
        match param.kind:
            case "ref":
                self.take_ref(node, value)
            case "name":
                self.object_name = value
                self.check_node(node)
            case "namespace":
                self.namespace = value
            case "cluster":
                self.cluster = value
                self.check_known(node, "KC208", "cluster", value, self.names.clusters)
            case "duration":
                self.take_duration(node, value)
            case "labels":
                self.take_labels(node, value)
            case "traffic":
                self.check_known(node, "KC204", "traffic", value, self.names.traffic)
                self.text[param.name] = value
            case "repository":
                self.check_known(node, "KC201", "repository", value, self.names.repositories)
                self.text[param.name] = value
            case "text" | "value":
                self.text[param.name] = value

    def take_ref(self, node: ast.expr, value: str) -> None:
        kind, slash, name = value.partition("/")
        if not slash and self.function.reads == "drift":
            self.namespace = value  # drifted("shop") asks for the whole namespace
            return
        if not slash or not name:
            self.fault(node, "KC404", f"'{value[:60]}' names no object", 'Write "deployment/web".')
            return
        self.resource = self.names.catalog.by_word(kind)
        self.object_name = name
        if self.resource is None:
            known = sorted({resource.singular for resource in self.names.catalog})
            self.fault(node, "KC406", f"there is no kind '{kind[:60]}'", did_you_mean(kind, known, "kinds"))
        else:
            self.check_node(node)

    def check_node(self, node: ast.expr) -> None:
        if self.resource is not None and self.resource.plural == "nodes":
            self.check_known(node, "KC202", "node", self.object_name, self.names.nodes)

    def take_duration(self, node: ast.expr, value: str) -> None:
        try:
            self.duration = seconds(value)
        except ValueError:
            self.duration = -1
        if not 0 < self.duration < 10**15:
            self.fault(node, "KC404", f"'{value[:60]}' is not a duration", 'Write it like "30s" or "1m30s".')

    def take_labels(self, node: ast.expr, value: str) -> None:
        pairs = [pair.partition("=") for pair in value.split(",")]
        if any(not key or not sign for key, sign, _ in pairs):
            self.fault(node, "KC404", f"'{value[:60]}' selects no labels", 'Write "app=web,tier=front".')
            return
        self.labels = {key.strip(): text.strip().removeprefix("=") for key, _, text in pairs}

    def check_known(
        self, node: ast.expr, code: str, what: str, value: str, known: frozenset[str] | None
    ) -> None:
        if known is not None and value not in known:
            self.fault(node, code, f"there is no {what} '{value[:60]}'", did_you_mean(value, known, what))

    def finish(self, call: ast.Call) -> None:
        """Fill in what was left out: the default namespace for one object, all namespaces for lists."""
        resource = self.resource
        if resource is not None and not resource.namespaced:
            if self.namespace is not None and self.function.reads == "object":
                self.fault(call, "KC404", f"a {resource.kind} has no namespace", "Leave the namespace out.")
            self.namespace = ""
        elif self.namespace is None:
            one_object = bool(self.object_name)
            self.namespace = DEFAULT_NAMESPACE if one_object else ""

    def fault(self, node: ast.AST, code: str, message: str, remedy: str) -> None:
        self.faults.append(ArgumentFault(node, code, message, remedy))

    def arguments(self) -> Arguments:
        values: dict[str, Any] = {
            "resource": self.resource,
            "name": self.object_name,
            "cluster": self.cluster,
        }
        return Arguments(
            **values,
            namespace=self.namespace or "",
            text=self.text,
            duration=self.duration,
            labels=self.labels,
        )
