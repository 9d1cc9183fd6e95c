"""image-reflector-controller: the tags of an image's repository, and the latest of them under a policy.

**Imitates:** image-reflector-controller 1.x internal/controller (imagerepository_controller.go, imagepolicy_controller.go). The
database of tags is in the pod: a restart scans again. Left out: credentials beyond the existence of their Secret,
providers, certificates, proxies (refused by name).

**Walk:** an ImageRepository -> is a scan due? -> the registry's tags -> database, status.lastScanResult -> the ImagePolicies of it ->
status.latestRef -> image/automation.py.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Result
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.gitops.flux import toolkit
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.image import policy
from kcsim.delivery.gitops.flux.image.policy import EXCLUDED
from kcsim.delivery.gitops.flux.oci_repositories import answer_of
from kcsim.delivery.gitops.flux.options import Options
from kcsim.delivery.gitops.flux.phases import Phases
from kcsim.delivery.gitops.flux.reconciler import Failure, Stalling, Success, Told, ToolkitReconciler, Waiting
from kcsim.delivery.gitops.flux.toolkit import (
    IMAGE_POLICIES,
    IMAGE_REPOSITORIES,
    READY,
    SUCCEEDED,
    go_duration,
    requested_at,
    spec,
    status,
)
from kcsim.delivery.registry.reference import InvalidReference, Reference, parse
from kcsim.delivery.registry.registry import Image, ImageNotFound, Registry, RegistryUnavailable
from kcsim.engine.clock import SECOND, format_duration, parse_rfc3339, rfc3339

Tags = dict[str, list[str]]
"""The database: tags by the full name of the image."""
_ABSENT = {"certSecretRef": "certificates of registries", "proxySecretRef": "proxies"}
_TROUBLE = (ImageNotFound, RegistryUnavailable, Unreachable)


def why_scan(obj: Object, name: str, tags: Tags, now: int) -> tuple[str, int]:
    """Why an image is scanned now, "" when it is not, and when (µs) to look again (shouldScan)."""
    interval, seen = toolkit.duration(obj, "interval"), status(obj)
    last = seen.get("lastScanResult")
    if last is None:
        return "first scan", interval
    if requested_at(obj) and requested_at(obj) != seen.get("lastHandledReconcileAt"):
        return "reconcile requested", interval
    if name != seen.get("canonicalImageName"):
        return "new image name", interval
    if sorted(exclusions(obj)) != sorted(seen.get("observedExclusionList") or ()):
        return "updated exclusion list", interval
    if not tags.get(name):
        return "no tags in database", interval
    left = interval - (now - parse_rfc3339(last["scanTime"]))
    return ("triggered by interval", interval) if left < SECOND else ("", left)


def exclusions(obj: Object) -> list[str]:
    """The patterns of tags that are left out."""
    return list(spec(obj).get("exclusionList", EXCLUDED))


def _image(obj: Object) -> Reference:
    text = spec(obj)["image"]
    try:
        found = parse(text)
        if "://" in text or found.digest or ":" in text.rpartition("/")[2]:
            raise InvalidReference(text)
    except InvalidReference as error:
        why = (
            f"URL must not contain a tag or a scheme: '{text}'"
            if "://" in text or ":" in text
            else str(error)
        )
        raise Stalling(why, "ImageURLInvalid") from error
    return found


class ImageRepositories(ToolkitReconciler):
    """The reconciler of ImageRepository."""

    name = "imagerepository"
    resource = IMAGE_REPOSITORIES

    def __init__(self, registry: Registry, tags: Tags, options: Options, phases: Phases) -> None:
        super().__init__(options, phases)
        self._registry = registry
        self._tags = tags

    def reset(self) -> None:
        """A crash takes the database along."""
        self._tags.clear()
        super().reset()

    def attempt(self, obj: Object, draft: Draft) -> Generator[Any, Any, Success]:
        """Scan when it is time."""
        for field, what in _ABSENT.items():
            if spec(obj).get(field):
                raise Stalling(f"spec.{field}: kcsim does not model {what} yet", "NotModelled")
        if spec(obj).get("provider", "generic") != "generic" or spec(obj).get("serviceAccountName"):
            raise Stalling("kcsim does not model providers of registry credentials yet", "NotModelled")
        image = _image(obj)
        yield from self._credentials(obj)
        reason, when = why_scan(obj, image.name, self._tags, self.component.engine.now)
        old = objects.get_in(draft.status, ("lastScanResult", "revision"))
        if reason:
            draft.progress(f"scanning: {reason}", drift=reason == "no tags in database")
            yield from self.own.write(obj, draft)
            yield from self._scan(obj, draft, image)
        draft.set("canonicalImageName", image.name)
        draft.set("observedExclusionList", exclusions(obj))
        found = draft.get("lastScanResult")
        message = f"successful scan: found {found['tagCount']} tags with checksum {found['revision']}"
        return Success(message, [_news(obj, message, _next(reason, when, same=old == found["revision"]))])

    def _credentials(self, obj: Object) -> Generator[Any, Any, None]:
        ref = spec(obj).get("secretRef")
        if ref is None:
            return
        try:
            yield self.client.get("secrets", objects.namespace(obj), ref["name"])
        except StatusError as error:
            why = f"failed to configure authentication options: {error.message}"
            raise Failure(why, "AuthenticationFailed") from error

    def _scan(self, obj: Object, draft: Draft, image: Reference) -> Generator[Any, Any, None]:
        timeout = toolkit.duration(obj, "timeout", toolkit.duration(obj, "interval"))
        try:
            found: list[str] = yield self._registry.list_tags(self.component.host, image.name, timeout)
            tags = policy.kept(found, exclusions(obj))
        except _TROUBLE as error:
            raise Failure(
                f"scan failed: {_listing(answer_of(error, image))}", "ReadOperationFailed"
            ) from error
        except re.error as error:
            raise Failure(f"scan failed: failed to compile regex: {error}", "ReadOperationFailed") from error
        self._tags[image.name] = tags
        result = {
            "revision": policy.checksum(tags),
            "scanTime": rfc3339(self.component.engine.now),
            "tagCount": len(tags),
        }
        latest = policy.newest(tags)
        draft.set("lastScanResult", {**result, "latestTags": latest} if latest else result)

    def next_look(self, obj: Object) -> Result | None:
        """After the interval; after what is left of it, when nothing was scanned."""
        name = parse(spec(obj)["image"]).name
        now = self.component.engine.now
        fresh = {**obj, "status": {**status(obj), "lastHandledReconcileAt": requested_at(obj)}}
        reason, when = why_scan(fresh, name, self._tags, now)
        if reason:
            return super().next_look(obj)
        return Result(when, what=f"interval {format_duration(toolkit.duration(obj, 'interval'))}")


def _listing(answer: str) -> str:
    """What is said of a tag list rather than of a manifest."""
    url, _, why = answer.partition(": ")
    where = url.partition("/manifests/")[0]
    why = why.replace(
        "MANIFEST_UNKNOWN: manifest unknown", "NAME_UNKNOWN: repository name not known to registry"
    )
    return f"{where}/tags/list: {why}" if "/manifests/" in url else answer


def _next(reason: str, when: int, *, same: bool) -> str:
    if not reason:
        what = "no change in repository configuration since last scan"
    else:
        what = "tags did not change" if same else "successful scan"
    return f"{what}, next scan in {go_duration(when)}"


def _news(obj: Object, message: str, otherwise: str) -> Told:
    """The Event of a success: what is new, or that nothing is (notify)."""
    ready = objects.condition(obj, READY)
    same = ready is not None and ready["status"] == "True" and ready["message"] == message
    return Told(SUCCEEDED, otherwise, trace=True) if same else Told(SUCCEEDED, message)


class ImagePolicies(ToolkitReconciler):
    """The reconciler of ImagePolicy."""

    name = "imagepolicy"
    resource = IMAGE_POLICIES

    def __init__(self, registry: Registry, tags: Tags, options: Options, phases: Phases) -> None:
        super().__init__(options, phases)
        self._registry = registry
        self._tags = tags

    def setup(self, component: Component) -> None:
        """Watch policies, and the scans of their repositories."""
        super().setup(component)
        self.objects.add_index("repository", lambda obj: ("/".join(_repository_key(obj)),))
        self._repositories = component.informer(IMAGE_REPOSITORIES)
        self._repositories.on_change(self._scanned)

    def _scanned(self, old: Object | None, new: Object | None) -> None:
        if new is None or old is None or _scan_of(new) is None:
            return
        # Ready again with the same tags: a restarted process has its database back.
        again = objects.condition_is(new, READY) and not objects.condition_is(old, READY)
        if _scan_of(new) == _scan_of(old) and not again:
            return
        for user in self.objects.by_index("repository", "/".join(objects.key(new))):
            self.enqueue(objects.key(user))

    def interval(self, obj: Object) -> int:
        """None but where digests are followed."""
        return toolkit.duration(obj, "interval") if _reflects(obj) == "Always" else 0

    def attempt(self, obj: Object, draft: Draft) -> Generator[Any, Any, Success]:
        """Choose the latest tag."""
        if _reflects(obj) == "Always" and not spec(obj).get("interval"):
            why = "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'"
            raise Stalling(why, "IntervalNotConfigured")
        repository = yield from self._repository(obj)
        _image(repository)
        tags = self._tags.get(status(repository).get("canonicalImageName", ""), [])
        try:
            if not tags:
                raise Waiting("no tags in database", "DependencyNotReady")
            tag = policy.latest(spec(obj)["policy"], spec(obj).get("filterTags"), tags)
        except policy.InvalidPolicy as error:
            raise Stalling(str(error), "InvalidPolicy") from error
        except policy.NothingFits as error:
            raise Failure(str(error), "Failure") from error
        ref = {"name": spec(repository)["image"], "tag": tag}
        digest = yield from self._digest(obj, ref)
        ref |= {"digest": digest} if digest else {}
        before = draft.get("latestRef")
        if ref != before:
            draft.set("observedPreviousRef", before)
            draft.set("latestRef", ref)
        message = _resolved(draft)
        return Success(message, [_news(obj, message, message)])

    def _repository(self, obj: Object) -> Generator[Any, Any, Object]:
        namespace, name = _repository_key(obj)
        what, key = "failed to get the referred ImageRepository", f"{namespace}/{name}"
        own = objects.namespace(obj)
        if self.options.no_cross_namespace_refs and namespace != own:
            why = f"cannot access 'ImageRepository/{key}', cross-namespace references have been blocked"
            raise Failure(f"{what}: {why}", "AccessDenied")
        found = self._repositories.get(namespace, name)
        if found is None:
            why = f'referenced ImageRepository does not exist: {IMAGE_REPOSITORIES} "{name}" not found'
            raise Failure(f"{what}: {why}", "DependencyNotReady")
        if namespace != own:
            labels = objects.labels((yield self.client.get("namespaces", "", own)))
            if not _is_allowed(found, labels):
                why = f"'ImagePolicy/{own}/{objects.name(obj)}' can't access 'ImageRepository/{key}' due to missing access list"
                raise Failure(f"{what}: access denied: {why}", "AccessDenied")
        return found

    def _digest(self, obj: Object, ref: dict[str, str]) -> Generator[Any, Any, str]:
        """The digest behind the tag, where it is to be known (updateImageRefs)."""
        mode, known = _reflects(obj), status(obj).get("latestRef") or {}
        if mode == "Never":
            return ""
        same = (known.get("name"), known.get("tag")) == (ref["name"], ref["tag"])
        if mode == "IfNotPresent" and same and known.get("digest"):
            return str(known["digest"])
        full = f"{ref['name']}:{ref['tag']}"
        try:
            found: Image = yield self._registry.head(self.component.host, full)
        except _TROUBLE as error:
            why = f'failed fetching descriptor for "{full}": {answer_of(error, parse(full))}'
            raise Failure(f"failed fetching digest of {full}: {why}", "Failed") from error
        return found.digest


def _scan_of(obj: Object) -> str | None:
    """What the last scan of a repository is known by."""
    return objects.get_in(obj, ("status", "lastScanResult", "revision"))  # type: ignore[no-any-return]


def _repository_key(obj: Object) -> objects.Key:
    ref = spec(obj).get("imageRepositoryRef") or {}
    return ref.get("namespace") or objects.namespace(obj), ref.get("name", "")


def _is_allowed(repository: Object, labels: dict[str, str]) -> bool:
    selectors: Iterable[Any] = (spec(repository).get("accessFrom") or {}).get("namespaceSelectors") or ()
    return any(
        all(labels.get(k) == v for k, v in (selector.get("matchLabels") or {}).items())
        for selector in selectors
    )


def _reflects(obj: Object) -> str:
    return str(spec(obj).get("digestReflectionPolicy", "Never"))


def _resolved(draft: Draft) -> str:
    """What Ready says of a choice (composeImagePolicyReadyMessage)."""
    ref, before = draft.get("latestRef"), draft.get("observedPreviousRef")
    message = f"Latest image tag for {ref['name']} resolved to {ref['tag']}"
    if ref.get("digest"):
        message += f" with digest {ref['digest']}"
    if before is not None and before != ref:
        digest = f"@{before['digest']}" if before.get("digest") else ""
        message += f" (previously {before['name']}:{before['tag']}{digest})"
    return message
