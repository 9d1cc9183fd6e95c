"""ImageUpdateAutomation: the latest images are written into manifests and pushed to git.

**Imitates:** image-automation-controller 1.x internal/controller/imageupdateautomation_controller.go and internal/source (git.go,
source.go): what triggers it, when a run is skipped, checkout and push branch, the commit. Left out: signing keys, push
options and refspecs (refused by name); sprig's functions in templates.

**Walk:** a policy's latest image, a spec, a request or the interval -> policies with an image -> head of the branch: as observed and
no policy changed: nothing -> checkout -> ``setters.updated`` -> nothing: up-to-date, or one commit, pushed -> observations.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.gotemplate import Template, TemplateError
from kcsim.api.gotemplate_functions import GO_FUNCTIONS
from kcsim.api.kit.component import Component
from kcsim.api.objects import Object
from kcsim.api.selectors import SelectorError, from_object
from kcsim.delivery.exchange import Exchange, Path, Unreachable
from kcsim.delivery.git.host import DEFAULT_TIMEOUT, Fetched, GitHost, ServiceUnavailable
from kcsim.delivery.git.repository import HEADS, Commit, GitError
from kcsim.delivery.gitops.flux import git_source, toolkit
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.git_source import GIT_OPERATION_FAILED, Wanted
from kcsim.delivery.gitops.flux.image import setters
from kcsim.delivery.gitops.flux.image.setters import Change
from kcsim.delivery.gitops.flux.options import Options
from kcsim.delivery.gitops.flux.phases import Phases
from kcsim.delivery.gitops.flux.reconciler import Failure, Stalling, Success, Told, ToolkitReconciler
from kcsim.delivery.gitops.flux.toolkit import (
    GIT_REPOSITORIES,
    IMAGE_POLICIES,
    IMAGE_UPDATES,
    READY,
    SUCCEEDED,
    spec,
    status,
)
from kcsim.engine.clock import rfc3339

DEFAULT_MESSAGE = "Update from image update automation"
UP_TO_DATE = "repository up-to-date"


class ImageUpdates(ToolkitReconciler):
    """The reconciler of ImageUpdateAutomation."""

    name = "imageupdateautomation"
    resource = IMAGE_UPDATES

    def __init__(self, git: GitHost, options: Options, phases: Phases) -> None:
        super().__init__(options, phases)
        self._git = git

    def setup(self, component: Component) -> None:
        """Watch automations, the repositories they write to, and the policies of their namespaces."""
        super().setup(component)
        self._repositories = component.informer(GIT_REPOSITORIES)
        self._repositories.on_change(self._repository_changed)
        self._policies = component.informer(IMAGE_POLICIES)
        self._policies.on_change(self._policy_changed)

    def _repository_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None or (
            old is not None and old["metadata"]["generation"] == new["metadata"]["generation"]
        ):
            return
        for obj in self.objects.list():
            if toolkit.source_key(obj) == objects.key(new):
                self.enqueue(objects.key(obj))

    def _policy_changed(self, old: Object | None, new: Object | None) -> None:
        latest = objects.get_in(new, ("status", "latestRef")) if new is not None else None
        if new is None or latest is None:
            return
        if old is not None and objects.get_in(old, ("status", "latestRef")) == latest:
            return
        for obj in self.objects.list(objects.namespace(new)):
            self.enqueue(objects.key(obj))

    # --- one run ------------------------------------------------------------------------------------------------

    def attempt(self, obj: Object, draft: Draft) -> Generator[Any, Any, Success]:
        """Bring the marked images of the repository up to date."""
        draft.set("lastAutomationRunTime", rfc3339(self.component.engine.now))
        _refuse(obj)
        policies = self._chosen(obj)
        observed = {objects.name(p): status(p)["latestRef"] for p in policies}
        source = self._source(obj)
        want, push = _branches(obj, source)
        url = spec(source)["url"]
        timeout = toolkit.duration(source, "timeout", DEFAULT_TIMEOUT)
        switches = HEADS + push != want.ref
        due = observed != (draft.get("observedPolicies") or {}) or switches
        seen = draft.get("observedSourceRevision")
        try:
            if not due and seen:
                refs = yield self._git.ls_remote(self.component.host, url, timeout)
                if git_source.revision(want, refs.get(want.ref, "")) == seen:
                    return Success(
                        UP_TO_DATE, [_news(obj, "no change since last reconciliation", trace=True)]
                    )
            fetched: Fetched = yield self._git.fetch(self.component.host, url, want.ref, timeout)
            base = (yield from self._push_branch(url, push, timeout)) if switches else None
        except (GitError, Unreachable) as error:
            why = f"failed to checkout source: unable to clone '{url}': {error}"
            raise Failure(why, GIT_OPERATION_FAILED) from error
        work = base or fetched
        try:
            update = setters.updated(work.files, (spec(obj).get("update") or {}).get("path", ""), policies)
        except setters.InvalidFile as error:
            raise Failure(f"failed to apply policies: {error}", "UpdateFailed") from error
        revision, told = git_source.revision(want, fetched.commit.sha), [_news(obj, UP_TO_DATE)]
        if update.changes:
            message = _message(obj, update.changes)
            made = yield from self._push(obj, url, push, update.files, message, work, timeout)
            draft.set("lastPushCommit", made.sha)
            draft.set("lastPushTime", rfc3339(self.component.engine.now))
            if not switches:
                revision = git_source.revision(want, made.sha)
            told = [Told(SUCCEEDED, f"pushed commit '{made.sha[:7]}' to branch '{push}'\n{message}")]
        draft.set("observedSourceRevision", revision)
        draft.set("observedPolicies", observed)
        return Success(UP_TO_DATE, told)

    def _chosen(self, obj: Object) -> list[Object]:
        """The policies of the namespace that have an image and are selected, by name."""
        try:
            selector = from_object(spec(obj).get("policySelector") or {})
        except SelectorError as error:
            why = f"failed to parse policy selector: {error}"
            raise Stalling(why, "InvalidPolicySelector") from error
        found = [
            policy
            for policy in self._policies.list(objects.namespace(obj))
            if selector.matches(objects.labels(policy)) and status(policy).get("latestRef") is not None
        ]
        return sorted(found, key=objects.name)

    def _source(self, obj: Object) -> Object:
        namespace, name = toolkit.source_key(obj)
        key = f"{namespace}/{name}"
        if self.options.no_cross_namespace_refs and namespace != objects.namespace(obj):
            why = f"can't access 'GitRepository/{key}', cross-namespace references have been blocked"
            raise Stalling(why, "AccessDenied")
        found = self._repositories.get(namespace, name)
        if found is None:
            why = f'failed to get source object: {GIT_REPOSITORIES} "{name}" not found'
            raise Failure(f"failed configuring source manager: {why}", "SourceManagerFailed")
        return found

    # --- git ----------------------------------------------------------------------------------------------------

    def _push_branch(self, url: str, branch: str, timeout: int) -> Generator[Any, Any, Fetched | None]:
        """The push branch as it is on the remote, None when there is none yet."""
        refs = yield self._git.ls_remote(self.component.host, url, timeout)
        if HEADS + branch not in refs:
            return None
        fetched: Fetched = yield self._git.fetch(self.component.host, url, HEADS + branch, timeout)
        return fetched

    def _push(
        self,
        obj: Object,
        url: str,
        branch: str,
        files: Mapping[str, bytes],
        message: str,
        base: Fetched,
        timeout: int,
    ) -> Generator[Any, Any, Commit]:
        """One commit on top of what was checked out; refused when the branch has moved on meanwhile."""
        git, engine = self._git, self.component.engine
        author = spec(obj)["git"]["commit"]["author"]
        who = f"{author.get('name') or author['email'].partition('@')[0]} <{author['email']}>"

        def serve() -> tuple[Commit, int]:
            repository = git.repository(url)
            if not git.is_available(repository.name):
                raise ServiceUnavailable(url, 503)
            head = repository.refs().get(HEADS + branch)
            if head is not None and head != base.commit.sha:
                raise GitError(f"non-fast-forward update: {HEADS}{branch}")
            git.reviews.check_push(repository.name, branch)
            made = repository.commit(branch, files, message, who, engine.now, start=base.commit.sha)
            return made, engine.dice(f"git-host {git.name}").draw(git.timings.fetch)

        host = self.component.host
        path = Path(engine, self.component.endpoint.network, host, git.name, f"git {host}", timeout)
        try:
            made: Commit = yield Exchange(path, serve)
        except (GitError, Unreachable) as error:
            raise Failure(f"failed to update source: {error}", GIT_OPERATION_FAILED) from error
        return made


def _branches(obj: Object, source: Object) -> tuple[Wanted, str]:
    """What is checked out, and the branch that is pushed to (buildGitConfig)."""
    git = spec(obj)["git"]
    checkout = (git.get("checkout") or {}).get("ref") or spec(source).get("ref")
    branch = (git.get("push") or {}).get("branch") or (checkout or {}).get("branch", "")
    if not branch:
        why = "Push branch not provided, and cannot be inferred from .spec.git.checkout.ref or GitRepository .spec.ref"
        raise Stalling(f"{why}: invalid source configuration", "InvalidSourceConfiguration")
    return git_source.wanted({"spec": {"ref": checkout}} if checkout else {}), branch


def _refuse(obj: Object) -> None:
    kind = toolkit.source_kind(obj)
    if kind != "GitRepository":
        why = f"source kind '{kind}' not supported: invalid source configuration"
        raise Stalling(why, "InvalidSourceConfiguration")
    git = spec(obj).get("git")
    if git is None:
        why = "source kind 'GitRepository' necessitates field .spec.git: invalid source configuration"
        raise Stalling(why, "InvalidSourceConfiguration")
    checkout = (git.get("checkout") or {}).get("ref") or {}
    for absent, what in (
        (
            (git["commit"]).get("signingKey"),
            "spec.git.commit.signingKey: kcsim does not model signing keys yet",
        ),
        ((git.get("push") or {}).get("refspec"), "spec.git.push.refspec: kcsim does not model refspecs yet"),
        (
            (git.get("push") or {}).get("options"),
            "spec.git.push.options: kcsim does not model push options yet",
        ),
        (checkout.get("semver"), "spec.git.checkout.ref.semver: kcsim does not model it here yet"),
    ):
        if absent:
            raise Stalling(what, "NotModelled")


def _message(obj: Object, changes: list[Change] | Any) -> str:
    """The commit's message."""
    commit = spec(obj)["git"]["commit"]
    text = commit.get("messageTemplate") or DEFAULT_MESSAGE
    removed = "See: https://fluxcd.io/flux/components/image/imageupdateautomations/#message-template"
    if ".Updated" in text:
        why = f"template uses removed '.Updated' field. Please use '.Changed' instead. {removed}"
        raise Stalling(why, "RemovedTemplateField")
    values = commit.get("messageTemplateValues") or {}
    data = setters.template_data(objects.namespace(obj), objects.name(obj), changes, values)
    try:
        return Template(text, GO_FUNCTIONS).render(data)
    except TemplateError as error:
        why = f"failed to update source: unable to create commit message template from spec: {error}"
        raise Failure(why, GIT_OPERATION_FAILED) from error


def _news(obj: Object, message: str, *, trace: bool = False) -> Told:
    """That nothing was to do: of interest only when it did not work before."""
    return Told(SUCCEEDED, message, trace=trace or objects.condition_is(obj, READY))
