"""Checks of the timeline: order, one action each, what the actions name, and the command lines."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kcsim.api.catalog import Catalog
from kcsim.delivery.registry.reference import InvalidReference, parse
from kcsim.kubectl.command import check as refused
from kcsim.scenario.charts import check_publication
from kcsim.scenario.contents import at, key_at
from kcsim.scenario.diagnostics import Report, did_you_mean
from kcsim.scenario.fault_checks import check_fault, nodes_of
from kcsim.scenario.manifest_checks import Objects, may_exist, similar_objects
from kcsim.scenario.model import (
    ACTIONS,
    GIT_ACTIONS,
    ArgoCD,
    Flux,
    Scenario,
    Signing,
    TimelineEntry,
    Upload,
    all_pipelines,
)

KUBECTL_VERBS: Final = (
    "annotate", "apply", "autoscale", "cordon", "create", "delete", "describe", "drain", "edit", "expose", "get", "label",
    "patch", "replace", "rollout", "run", "scale", "set", "taint", "uncordon", "wait",
)  # fmt: skip
"""kubectl's verbs that a story may use; each run says which of them it cannot carry out."""
_NAMES_OBJECTS: Final = frozenset(
    {"scale", "set", "rollout", "patch", "label", "annotate", "delete", "edit", "expose", "autoscale"}
)
_NAMES_NODES: Final = frozenset({"cordon", "uncordon", "drain"})


@dataclass(frozen=True, slots=True)
class _Story:
    """What a word of a command line is checked against."""

    scenario: Scenario
    objects: Objects
    catalog: Catalog
    report: Report


def check_timeline(scenario: Scenario, objects: Objects, catalog: Catalog, report: Report) -> None:
    """Add every fault of the timeline to the report."""
    before = 0
    for entry in scenario.timeline:
        if entry.at < before:
            report.add("KC301", at(entry, "at"), "this entry is earlier than the one before it")
        if entry.at > scenario.until:
            report.add("KC302", at(entry, "at"), "this entry is later than `until`, the end of the run")
        before = entry.at
        _check_entry(scenario, entry, report)
        if entry.kubectl is not None:
            _check_kubectl(scenario, entry, objects, catalog, report)
        if entry.flux is not None:
            _check_flux(scenario, entry, report)
        if entry.argocd is not None:
            _check_argocd(scenario, entry, report)
        if entry.rerun is not None:
            _check_rerun(scenario, entry, report)
        if entry.upload is not None:
            _check_upload(scenario, entry.upload, report)
        if entry.sign is not None:
            _check_signing(entry.sign, report)
        if entry.image is not None:
            _check_image(scenario, entry, entry.image.name, objects, report, "image", "name")
        if entry.publish is not None:
            check_publication(scenario, entry.publish, report)
        check_fault(scenario, entry, objects, catalog, report)


def _check_entry(scenario: Scenario, entry: TimelineEntry, report: Report) -> None:
    actions = entry.action_names()
    if len(actions) != 1:
        found = " and ".join(f"'{name}'" for name in actions) or "nothing"
        report.add(
            "KC105",
            at(entry),
            f"an entry of the timeline does one thing; this one does {found}",
            f"Write one of {', '.join(ACTIONS)}.",
        )
    for index, name in enumerate(entry.deliveries):
        if name not in scenario.deliveries:
            report.add(
                "KC206",
                at(entry, "deliveries", index),
                f"no delivery '{name[:60]}'",
                did_you_mean(name, scenario.deliveries, "deliveries"),
            )
    if entry.cluster is not None and scenario.cluster_named(entry.cluster) is None:
        known = [cluster.name for cluster in scenario.all_clusters()]
        report.add(
            "KC208",
            at(entry, "cluster"),
            f"no cluster '{entry.cluster}'",
            did_you_mean(entry.cluster, known, "clusters"),
        )
    _check_edit(entry, report)
    action = entry.git_action
    if action is not None and scenario.repository_named(action.repository) is None:
        _missing_repository(scenario, entry, action.repository, report)


def _check_upload(scenario: Scenario, upload: Upload, report: Report) -> None:
    known = [each.name for each in scenario.buckets]
    if upload.bucket not in known:
        remedy = did_you_mean(upload.bucket, known, "buckets")
        report.add("KC225", at(upload, "bucket"), f"no bucket '{upload.bucket}'", remedy)
    if not upload.files and not upload.delete:
        report.add("KC105", at(upload), "the upload writes nothing", "Give it `files` or `delete`.")


def _check_signing(signing: Signing, report: Report) -> None:
    if bool(signing.key) == bool(signing.issuer and signing.subject):
        remedy = "Give it a `key`, or keyless an `issuer` and a `subject`."
        report.add("KC105", at(signing), "somebody signs with a key, or keyless", remedy)
    try:
        parse(signing.artifact.removeprefix("oci://"))
    except InvalidReference as error:
        report.add(
            "KC104",
            at(signing, "artifact"),
            str(error),
            "Write it like registry.example/shop/manifests:latest.",
        )


def _check_edit(entry: TimelineEntry, report: Report) -> None:
    words = (entry.kubectl or "").split()
    edits = words[:1] == ["edit"] or words[:2] == ["apply", "edit-last-applied"]
    if edits and entry.edit is None:
        message = "`kubectl edit` opens an editor, and the story does not say what is changed in it"
        report.add(
            "KC105", at(entry, "kubectl"), message, "Add `edit: {replace: {old text: new text}}` beside it."
        )
    elif entry.edit is not None and not edits:
        message = "`edit` is what happens in the editor that `kubectl: edit ...` opens"
        report.add("KC105", key_at(entry, "edit"), message, "Write `kubectl: edit KIND/NAME`, or remove it.")


def _missing_repository(scenario: Scenario, entry: TimelineEntry, name: str | None, report: Report) -> None:
    known = [repo.name for repo in scenario.repositories]
    which = next((name for name in entry.action_names() if name in GIT_ACTIONS), "commit")
    if name is None:
        report.add(
            "KC201",
            at(entry, which),
            f"the {which} names no repository and there is not exactly one",
            did_you_mean("", known, "repositories"),
        )
    else:
        report.add(
            "KC201",
            at(entry, which) if which == "redeliver" else at(entry, which, "repository"),
            f"no repository '{name}'",
            did_you_mean(name, known, "repositories"),
        )


def _check_image(
    scenario: Scenario, entry: TimelineEntry, image: str, objects: Objects, report: Report, *path: str
) -> None:
    known = {each.name for each in scenario.images} | objects.images
    if image not in known and "*" not in known and not (objects.open_ended and not scenario.images):
        report.add(
            "KC203",
            at(entry, *path),
            f"image '{image[:80]}' is not declared",
            did_you_mean(image, known, "images"),
        )


# Command lines.


def _split(entry: TimelineEntry, field: str, line: str, verbs: Iterable[str], report: Report) -> list[str]:
    """The words of a command line; empty when they cannot be told or the verb is unknown, which is then reported."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        report.add("KC701", at(entry, field), f"the {field} line cannot be read: {error}")
        return []
    if words[:1] == [field]:
        report.add(
            "KC702",
            at(entry, field),
            f"the line begins with the word {field}",
            f"Leave out the word {field}.",
        )
        return []
    verb = words[0] if words else ""
    if verb not in verbs:
        report.add(
            "KC702",
            at(entry, field),
            f"{field} has no verb '{verb[:60]}' here",
            did_you_mean(verb, verbs, "verbs"),
        )
        return []
    return words


def _check_kubectl(
    scenario: Scenario, entry: TimelineEntry, objects: Objects, catalog: Catalog, report: Report
) -> None:
    assert entry.kubectl is not None, "asked before"
    words = _split(entry, "kubectl", entry.kubectl, KUBECTL_VERBS, report)
    if not words:
        return
    refusal = refused(words)
    if refusal is not None:
        report.add("KC701", at(entry, "kubectl"), f"kubectl refuses the line: {refusal}", "Mend the flag.")
    plain = [word for word in words[1:] if not word.startswith("-")]
    if words[0] in _NAMES_NODES:
        _check_node_words(scenario, entry, plain, report)
    elif words[0] in _NAMES_OBJECTS:
        namespace = _namespace(words)
        for word in plain:
            _check_object_word(_Story(scenario, objects, catalog, report), entry, word, namespace)
    if words[:2] == ["set", "image"]:
        for word in plain:
            container, equals, image = word.partition("=")
            if equals and container and image:
                _check_image(scenario, entry, image, objects, report, "kubectl")


def _namespace(words: list[str]) -> str:
    for number, word in enumerate(words):
        if word in {"-n", "--namespace"} and number + 1 < len(words):
            return words[number + 1]
        for prefix in ("--namespace=", "-n="):
            if word.startswith(prefix):
                return word.removeprefix(prefix)
        if word.startswith("-n") and len(word) > 2 and not word.startswith("--"):
            return word[2:]
    return "default"


def _check_node_words(scenario: Scenario, entry: TimelineEntry, words: list[str], report: Report) -> None:
    nodes = nodes_of(scenario, entry)
    if words and words[0].removeprefix("node/") not in nodes:
        report.add(
            "KC202",
            at(entry, "kubectl"),
            f"no node '{words[0][:60]}'",
            did_you_mean(words[0], nodes, "nodes"),
        )


def _check_object_word(story: _Story, entry: TimelineEntry, word: str, namespace: str) -> None:
    kind, slash, name = word.partition("/")
    # A label set (`team/name=x`) or taken away (`team/name-`) is no object; no name ends with a dash.
    if not slash or "=" in word or "/" in name or not name or name.endswith("-"):
        return
    resource = story.catalog.by_word(kind)
    if resource is None:
        known = sorted({each.singular for each in story.catalog})
        story.report.add(
            "KC406",
            at(entry, "kubectl"),
            f"there is no kind '{kind[:60]}'",
            did_you_mean(kind, known, "kinds"),
        )
    elif not may_exist(story.objects, story.scenario, resource, namespace, name):
        place = f" in namespace '{namespace[:60]}'" if resource.namespaced else ""
        remedy = did_you_mean(
            name, similar_objects(story.objects, resource), f"each {resource.kind} of the story"
        )
        story.report.add("KC407", at(entry, "kubectl"), f"nothing makes {word[:80]}{place}", remedy)


def _check_rerun(scenario: Scenario, entry: TimelineEntry, report: Report) -> None:
    if not any(all_pipelines(way) for way in scenario.deliveries.values()):
        message = "no delivery has a pipeline that could be run again"
        report.add("KC206", at(entry, "rerun"), message, "Add one of type push, or a `pipeline`.")
    elif entry.rerun == 0:
        report.add("KC104", at(entry, "rerun"), "no run has the number 0", "Runs count from 1.")


def _check_flux(scenario: Scenario, entry: TimelineEntry, report: Report) -> None:
    from kcsim.delivery.gitops.flux.cli import check

    assert entry.flux is not None, "asked before"
    _typed(entry, "flux", check(entry.flux), "suspend kustomization NAME", report)
    if not any(isinstance(way, Flux) for way in scenario.deliveries.values()):
        report.add(
            "KC206",
            at(entry, "flux"),
            "no delivery is of type flux",
            "Add one under `deliveries`, or remove the entry.",
        )


def _typed(entry: TimelineEntry, program: str, wrong: str | None, example: str, report: Report) -> None:
    """What a program says of a command line before it is run."""
    if wrong is not None:
        message, _, hint = wrong.partition("\n")
        remedy = " ".join(hint.split()) or f"Write it like: {program} {example}, without the word {program}."
        report.add("KC702", at(entry, program), f"{program}: {message}", remedy)


def _check_argocd(scenario: Scenario, entry: TimelineEntry, report: Report) -> None:
    from kcsim.delivery.gitops.argocd.cli import check

    assert entry.argocd is not None, "asked before"
    _typed(entry, "argocd", check(entry.argocd), "app sync NAME", report)
    if not any(isinstance(way, ArgoCD) for way in scenario.deliveries.values()):
        report.add(
            "KC206",
            at(entry, "argocd"),
            "no delivery is of type argocd",
            "Add one under `deliveries`, or remove the entry.",
        )
