"""From the objects of a delivery and a commit's files to all that will be delivered, level by level.  Decides; never acts.

A Kustomization may apply further Kustomizations, an Application further Applications, an ApplicationSet generate them: what
a commit asks for is known only when they are followed. Sources at other addresses than the repository's are left out.
**Walk:** the objects that stand in the cluster -> each is built from the files -> objects of the same kinds among what it
gives are built as well, each once.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd import terms
from kcsim.delivery.gitops.argocd.application_controller import clusters
from kcsim.delivery.gitops.argocd.appset import asks
from kcsim.delivery.gitops.argocd.appset.template import generate as generate_applications
from kcsim.delivery.gitops.argocd.projects import normal_url
from kcsim.delivery.gitops.argocd.repo_server.generate import GenerationError, generate
from kcsim.delivery.gitops.flux.artifact_copies import BadPattern, CopyFailed, copied, requests
from kcsim.delivery.gitops.flux.build import BuildFailed, PathNotFound, built
from kcsim.delivery.gitops.flux.toolkit import (
    EXTENSIONS_GROUP,
    KUSTOMIZE_GROUP,
    SOURCE_GROUP,
    source_subject,
    spec,
)

Files = Mapping[str, bytes]


def is_kind(obj: Mapping[str, Any], group: str, *kinds: str) -> bool:
    """Whether an object is of one of some kinds of an API group, whatever the version."""
    return obj.get("kind") in kinds and str(obj.get("apiVersion", "")).partition("/")[0] == group


# Flux.


def kustomizations(
    given: Sequence[Object], files: Files, urls: Collection[str]
) -> Iterator[tuple[Object, list[Object]]]:
    """Every Kustomization that follows the repository, with what it builds of the files; nothing where it cannot be built.

    Args:
        given: what stands in the cluster: GitRepositories, Kustomizations, ArtifactGenerators.
        urls: the addresses of the repository.
    """
    sources: dict[str, Files] = {}
    variables: dict[objects.Key, dict[str, str]] = {}
    waiting: list[Object] = []
    early: list[Object] = []
    seen: set[objects.Key] = set()

    def note(found: Sequence[Object]) -> None:
        for obj in found:
            if is_kind(obj, SOURCE_GROUP, "GitRepository"):
                if spec(obj).get("url") in urls:
                    sources.setdefault(f"GitRepository/{'/'.join(objects.key(obj))}", files)
            elif is_kind(obj, EXTENSIONS_GROUP, "ArtifactGenerator"):
                sources.update(external_artifacts(obj, sources))
            elif is_kind(obj, KUSTOMIZE_GROUP, "Kustomization") and objects.key(obj) not in seen:
                seen.add(objects.key(obj))
                waiting.append(obj)
            elif obj.get("kind") == "ConfigMap" and obj.get("apiVersion") == "v1":
                variables[objects.key(obj)] = {k: str(v) for k, v in (obj.get("data") or {}).items()}

    note(given)
    while waiting:
        obj = waiting.pop(0)
        fetched = sources.get(source_subject(obj))
        if fetched is None:
            early.append(obj)
            continue
        try:
            manifests = built(obj, fetched, _substituted(obj, variables))
        except (PathNotFound, BuildFailed, LookupError):
            manifests = []  # nothing is applied of what cannot be built; the Kustomization's status says why
        yield obj, manifests
        note(manifests)
        waiting += [each for each in early if source_subject(each) in sources]
        early = [each for each in early if source_subject(each) not in sources]


def external_artifacts(generator: Object, sources: Mapping[str, Files]) -> dict[str, Files]:
    """The files of each ExternalArtifact that a generator makes of the known sources; both by ``Kind/namespace/name``.

    Nothing where a source is not known or the artifact cannot be built: the generator's status says why.
    """
    namespace = objects.namespace(generator)
    fetched = {}
    for source in spec(generator).get("sources") or ():
        at = f"{source.get('kind')}/{source.get('namespace') or namespace}/{source.get('name')}"
        if at in sources:
            fetched[str(source.get("alias"))] = sources[at]
    made: dict[str, Files] = {}
    try:
        for request in requests(spec(generator), fetched):
            name = request.output.get("name")
            made[f"ExternalArtifact/{namespace}/{name}"] = copied(request.output.get("copy") or (), fetched)
    except (BadPattern, CopyFailed, KeyError):
        return made
    return made


def _substituted(obj: Object, known: Mapping[objects.Key, Mapping[str, str]]) -> dict[str, str]:
    """The variables of `spec.postBuild`, of its ConfigMaps those that the repository brings along."""
    post = spec(obj).get("postBuild") or {}
    found: dict[str, str] = {}
    for ref in post.get("substituteFrom") or ():
        if ref.get("kind") == "ConfigMap":
            found.update(known.get((objects.namespace(obj), ref.get("name", "")), {}))
    found.update({name: str(value) for name, value in (post.get("substitute") or {}).items()})
    return found


# Argo CD.


def applications(
    given: Sequence[Object], files: Files, urls: Collection[str], branch: str, secrets: Sequence[Object] = ()
) -> Iterator[tuple[Object, list[Object]]]:
    """Every Application that follows the repository, with what is generated for it of the files; nothing where that fails.

    Args:
        given: what stands in the hub: Applications, ApplicationSets.
        urls: the addresses of the repository.
        branch: the one the files are of; sources that follow another revision are left out.
        secrets: by which the hub knows further clusters.
    """
    known = frozenset(normal_url(url) for url in urls)
    waiting: list[Object] = []
    seen: set[str] = set()

    def note(found: Sequence[Object]) -> None:
        for obj in found:
            if is_kind(obj, terms.GROUP, "ApplicationSet"):
                note(_generated(obj, files, secrets))
            elif is_kind(obj, terms.GROUP, "Application") and objects.name(obj) not in seen:
                seen.add(objects.name(obj))
                waiting.append(obj)

    note(given)
    while waiting:
        app = waiting.pop(0)
        manifests: list[Object] = []
        followed = [source for source in terms.sources(app) if _follows(source, known, branch)]
        for source in followed:
            try:
                manifests.extend(generate(source, files)[1])
            except GenerationError:
                continue  # nothing is applied of what cannot be generated; the Application's condition says why
        if followed:
            yield app, manifests
        note(manifests)


def _follows(source: Mapping[str, Any], urls: Collection[str], branch: str) -> bool:
    revision = (source.get("targetRevision") or "HEAD").removeprefix("refs/heads/")
    return normal_url(source.get("repoURL") or "") in urls and revision in {"HEAD", branch}


def _generated(appset: Object, files: Files, secrets: Sequence[Object]) -> list[Object]:
    answers = asks.Answers(secrets)
    while True:
        try:
            return generate_applications(appset, answers).applications
        except asks.Wanted as wanted:
            ask = wanted.ask
            if isinstance(ask, asks.PullRequests):
                answers.failed[ask] = "no merge requests are known before they are opened"
            elif isinstance(ask, asks.Directories):
                answers.given[ask] = asks.directories_of(files)
            else:
                texts = {path: data.decode(errors="replace") for path, data in files.items()}
                answers.given[ask] = asks.files_matching(ask.pattern, texts)


def destination(app: Object, secrets: Sequence[Object] = ()) -> str | None:
    """The address of the cluster that an Application goes to; None where the hub knows none of the kind."""
    try:
        return clusters.find(terms.destination(app), clusters.clusters_of(secrets)).server
    except clusters.UnknownCluster:
        return None
