"""Helm's actions on a release: install, upgrade, rollback, uninstall, test.

**Imitates:** helm 4 pkg/action (install.go, upgrade.go, rollback.go, uninstall.go, release_testing.go) as helm-controller 1.6
internal/action calls it, CustomResourceDefinitions of a chart's crds folder included (crds.go). Rendering takes no time.

**Walk:** render -> a revision in storage that is pending -> hooks, objects, wait, hooks -> deployed, or failed and ``ActionFailed``.
Who dies in between leaves the revision pending.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery import helm
from kcsim.delivery.charts import Chart, manifest_of, objects_of, rank, rendered
from kcsim.delivery.gitops.flux.artifact_copies import merge_values
from kcsim.delivery.gitops.flux.expressions import Checks
from kcsim.delivery.gitops.flux.helm import terms
from kcsim.delivery.gitops.flux.helm.history import selected
from kcsim.delivery.gitops.flux.helm.hooks import Runner, hooks_of
from kcsim.delivery.gitops.flux.helm.post_render import PostRenderFailed, post_rendered
from kcsim.delivery.gitops.flux.helm.releases import (
    DEPLOYED,
    FAILED,
    SUPERSEDED,
    UNINSTALLED,
    UNINSTALLING,
    Hook,
    Release,
    Storage,
    StorageError,
    deployed_of,
    now_text,
)
from kcsim.delivery.gitops.flux.helm.resources import (
    HELM,
    MANAGED_BY,
    RELEASE_NAME,
    RELEASE_NAMESPACE,
    ActionFailed,
    Objects,
    owned,
)
from kcsim.delivery.gitops.flux.helm.terms import INSTALL, ROLLBACK, UNINSTALL, UPGRADE, part
from kcsim.delivery.gitops.inventory import entries
from kcsim.engine.clock import MINUTE

KEEP = {"helm.sh/resource-policy": "keep"}
_CRDS_TIMEOUT = MINUTE


class NoRelease(ActionFailed):
    """The release is not in storage."""


class NotRendered(Exception):
    """kcsim cannot render the chart; the text says why."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    manifest: str
    hooks: tuple[Hook, ...]
    crds: Sequence[Object]


class Actions:
    """The actions for one HelmRelease.

    Attributes:
        inventory: the entries of what the last install, upgrade or rollback was to bring; None before one.
    """

    def __init__(self, at: Objects, storage: Storage, obj: Object, checks: Checks) -> None:
        self.at = at
        self.storage = storage
        self.inventory: list[dict[str, str]] | None = None
        self._obj = obj
        self._checks = checks
        self._name = terms.release_name(obj)
        self._namespace = terms.release_namespace(obj)

    # --- install and upgrade ------------------------------------------------------------------------------------

    def install(self, chart: Chart, values: Mapping[str, Any]) -> Generator[Any, Any, None]:
        """``helm install``.

        Raises:
            ActionFailed: it failed; the storage tells whether there is a revision of it.
            NotRendered: kcsim cannot render the chart.
        """
        wanted, timeout = part(self._obj, INSTALL), terms.timeout(self._obj, INSTALL)
        prepared = yield from self._begin(chart, values, INSTALL)
        held = yield from self._history()
        if held and not (wanted.get("replace") and held[0].status in {UNINSTALLED, FAILED}):
            raise ActionFailed("cannot reuse a name that is still in use")
        target = self._built(prepared.manifest, "release manifest")
        if wanted.get("disableTakeOwnership"):
            yield from self._refuse_strangers(target, INSTALL)
        if wanted.get("createNamespace") and self._namespace != objects.namespace(self._obj):
            yield from self._create_namespace()
        now = now_text(self.at.engine)
        release = self._release(
            chart,
            values,
            prepared,
            held[0].version + 1 if held else 1,
            "pending-install",
            "Initial install underway",
        )
        release = replace(release, first_deployed=now, last_deployed=now)
        yield from self._stored(self.storage.create(release))
        if held:
            yield from self._stored(self.storage.update(held[0].becomes(SUPERSEDED)))
        self._takes_in(prepared)
        runner = Runner(self.at, self.storage, release)
        try:
            yield from self._hooks(runner, "pre-install", timeout, wanted)
            for obj in target:
                yield from self.at.apply(obj)
            yield from self._ready(target, timeout, wanted)
            yield from self._hooks(runner, "post-install", timeout, wanted)
        except (ActionFailed, StorageError) as error:
            failed = runner.release.becomes(FAILED, f'Release "{self._name}" failed: {error}')
            yield from self._stored(self.storage.update(failed))
            raise ActionFailed(str(error)) from error
        yield from self._stored(self.storage.update(runner.release.becomes(DEPLOYED, "Install complete")))

    def upgrade(self, chart: Chart, values: Mapping[str, Any]) -> Generator[Any, Any, None]:
        """``helm upgrade``. Raises as ``install``."""
        wanted, timeout = part(self._obj, UPGRADE), terms.timeout(self._obj, UPGRADE)
        held = yield from self._history()
        if not held:
            raise ActionFailed(f'"{self._name}" has no deployed releases')
        if held[0].status.startswith("pending-"):
            raise ActionFailed("another operation (install/upgrade/rollback) is in progress")
        current = deployed_of(held)
        if current is None and held[0].status in {FAILED, SUPERSEDED}:
            current = held[0]
        if current is None:
            raise ActionFailed(f'"{self._name}" has no deployed releases')
        given = merge_values(current.config, values) if wanted.get("preserveValues") else values
        prepared = yield from self._begin(chart, given, UPGRADE)
        before = self._built(current.manifest, "current release manifest")
        target = self._built(prepared.manifest, "new release manifest")
        if wanted.get("disableTakeOwnership"):
            known = {_identity(obj) for obj in before}
            yield from self._refuse_strangers([o for o in target if _identity(o) not in known], UPGRADE)
        release = self._release(
            chart, given, prepared, held[0].version + 1, "pending-upgrade", "Preparing upgrade"
        )
        release = replace(
            release, first_deployed=current.first_deployed, last_deployed=now_text(self.at.engine)
        )
        yield from self._stored(self.storage.create(release, terms.max_history(self._obj)))
        self._takes_in(prepared)
        runner = Runner(self.at, self.storage, release)
        created: list[Object] = []
        try:
            yield from self._hooks(runner, "pre-upgrade", timeout, wanted, "pre-upgrade hooks failed: ")
            yield from self._update(before, target, created)
            yield from self._ready(target, timeout, wanted)
            yield from self._hooks(runner, "post-upgrade", timeout, wanted, "post-upgrade hooks failed: ")
        except (ActionFailed, StorageError) as error:
            failed = runner.release.becomes(FAILED, f'Upgrade "{self._name}" failed: {error}')
            yield from self._stored(self.storage.update(failed))
            if wanted.get("cleanupOnFail"):
                for obj in created:
                    yield from self.at.delete(obj)
            raise ActionFailed(str(error)) from error
        if current.status == DEPLOYED:
            yield from self._stored(self.storage.update(current.becomes(SUPERSEDED)))
        yield from self._stored(self.storage.update(runner.release.becomes(DEPLOYED, "Upgrade complete")))

    def _begin(self, chart: Chart, values: Mapping[str, Any], action: str) -> Generator[Any, Any, _Prepared]:
        """Render the chart, and bring the definitions of its crds folder as the policy says."""
        try:
            made = rendered(chart, self._name, self._namespace, values)
            templates = post_rendered(self._obj, made.templates)
        except helm.HelmMissing as error:
            raise NotRendered(str(error)) from error
        except (helm.HelmError, PostRenderFailed) as error:
            raise ActionFailed(str(error)) from error
        policy = part(self._obj, action).get("crds") or "Create"
        if policy != "Skip":
            yield from self._apply_crds(made.crds, replaces=policy == "CreateReplace")
        plain = sorted((each for each in templates if not each.is_hook), key=lambda each: rank(each.object))
        return _Prepared(manifest_of(plain), hooks_of(templates), made.crds)

    def _apply_crds(self, crds: Sequence[Object], *, replaces: bool) -> Generator[Any, Any, None]:
        origin = {
            terms.ORIGIN_NAME: objects.name(self._obj),
            terms.ORIGIN_NAMESPACE: objects.namespace(self._obj),
        }
        made = []
        try:
            for crd in crds:
                if crd.get("kind") != "CustomResourceDefinition":
                    continue
                if not replaces and (yield from self._read(crd)) is not None:
                    continue
                yield from self.at.apply(
                    {**crd, "metadata": {**crd["metadata"], "labels": {**objects.labels(crd), **origin}}}
                )
                made.append(crd)
            yield from self.at.wait(made, _CRDS_TIMEOUT, checks={})
        except ActionFailed as error:
            raise ActionFailed(f"failed to apply CustomResourceDefinitions: {error}") from error

    def _release(
        self,
        chart: Chart,
        values: Mapping[str, Any],
        prepared: _Prepared,
        version: int,
        status: str,
        description: str,
    ) -> Release:
        return Release(
            self._name,
            self._namespace,
            version,
            {**chart.metadata, "version": chart.version},
            values,
            prepared.manifest,
            prepared.hooks,
            status,
            description,
            "",
            "",
        )

    def _takes_in(self, prepared: _Prepared) -> None:
        made = [self.at.placed(obj) for obj in objects_of(prepared.manifest)]
        self.inventory = entries([*made, *prepared.crds])

    # --- rollback -----------------------------------------------------------------------------------------------

    def rollback(self, version: int) -> Generator[Any, Any, None]:
        """``helm rollback``: a new revision with the content of an old one. Raises as ``install``."""
        wanted, timeout = part(self._obj, ROLLBACK), terms.timeout(self._obj, ROLLBACK)
        held = yield from self._history()
        if not held:
            raise NoRelease("release: not found")
        current = held[0]
        if current.status.startswith("pending-"):
            raise ActionFailed("another operation (install/upgrade/rollback) is in progress")
        old = next((release for release in held if release.version == version), None)
        if old is None:
            raise ActionFailed(f"release has no {version} version")
        target = replace(
            old,
            version=current.version + 1,
            status="pending-rollback",
            description=f"Rollback to {version}",
            first_deployed=current.first_deployed,
            last_deployed=now_text(self.at.engine),
            deleted="",
        )
        yield from self._stored(self.storage.create(target, terms.max_history(self._obj)))
        after = self._built(target.manifest, "new release manifest")
        self.inventory = entries(after)
        runner = Runner(self.at, self.storage, target)
        try:
            yield from self._hooks(runner, "pre-rollback", timeout, wanted)
            before = self._built(current.manifest, "current release manifest")
            yield from self._update(before, after, [])
            try:
                yield from self._ready(after, timeout, wanted)
            except ActionFailed as error:
                raise ActionFailed(f"release {self._name} failed: {error}") from error
            yield from self._hooks(runner, "post-rollback", timeout, wanted)
        except (ActionFailed, StorageError) as error:
            why = f'Rollback "{self._name}" failed: {error}'
            yield from self._stored(self.storage.update(current.becomes(SUPERSEDED)))
            yield from self._stored(self.storage.update(runner.release.becomes(FAILED, why)))
            raise ActionFailed(str(error)) from error
        for release in held:
            if release.status == DEPLOYED:
                yield from self._stored(self.storage.update(release.becomes(SUPERSEDED)))
        yield from self._stored(self.storage.update(runner.release.becomes(DEPLOYED)))

    # --- uninstall ----------------------------------------------------------------------------------------------

    def uninstall(self, name: str) -> Generator[Any, Any, Release]:
        """``helm uninstall`` of the release of a name; gives its last revision.

        Raises:
            NoRelease: there is none.
            ActionFailed: an object could not be deleted, or is still there when time is up.
        """
        wanted, timeout = part(self._obj, UNINSTALL), terms.timeout(self._obj, UNINSTALL)
        try:
            held = yield from self.storage.history(name)
        except StorageError as error:
            raise ActionFailed(str(error)) from error
        if not held:
            raise NoRelease(f"uninstall: Release not loaded: {name}: release: not found")
        keeps = bool(wanted.get("keepHistory"))
        if held[0].status == UNINSTALLED:
            if keeps:
                raise ActionFailed(f'the release named "{name}" is already deleted')
            for each in held:
                yield from self._stored(self.storage.delete(each))
            return held[0]
        release = replace(
            held[0].becomes(UNINSTALLING, "Deletion in progress (or silently failed)"),
            deleted=now_text(self.at.engine),
        )
        runner = Runner(self.at, self.storage, release)
        yield from self._hooks(runner, "pre-delete", timeout, wanted)
        yield from self._stored(self.storage.update(runner.release))
        problems = yield from self._delete_all(release, wanted, timeout)
        yield from self._hooks(runner, "post-delete", timeout, wanted)
        release = runner.release.becomes(UNINSTALLED, "Uninstallation complete")
        if keeps:
            yield from self._stored(self.storage.update(release))
        else:
            for each in held:
                yield from self._stored(
                    self.storage.delete(release if each.version == release.version else each)
                )
        if problems:
            count = len(problems)
            raise ActionFailed(f"uninstallation completed with {count} error(s): {'; '.join(problems)}")
        return release

    def _delete_all(
        self, release: Release, wanted: Mapping[str, Any], timeout: int
    ) -> Generator[Any, Any, list[str]]:
        propagation = (wanted.get("deletionPropagation") or "background").capitalize()
        problems: list[str] = []
        gone: list[Object] = []
        kinds = sorted(objects_of(release.manifest), key=rank, reverse=True)
        for obj in kinds:
            if _is_kept(obj):
                continue
            try:
                placed = self.at.placed(obj)
                if (yield from self.at.delete(placed, propagation)):
                    gone.append(placed)
            except ActionFailed as error:
                problems.append(str(error))
        if not wanted.get("disableWait"):
            try:
                yield from self.at.wait_gone(gone, timeout)
            except ActionFailed as error:
                problems.append(str(error))
        return problems

    # --- test ---------------------------------------------------------------------------------------------------

    def test(self) -> Generator[Any, Any, None]:
        """``helm test``: the hooks of the last revision. Raises as ``install``."""
        held = yield from self._history()
        if not held:
            raise NoRelease("release: not found")
        filters = part(self._obj, "test").get("filters") or ()
        release = held[0]
        names = frozenset(hook.name for hook in release.hooks if selected(hook.name, filters))
        runner = Runner(self.at, self.storage, release)
        try:
            yield from runner.run("test", terms.timeout(self._obj, "test"), names)
        except ActionFailed:
            yield from self._stored(self.storage.update(runner.release))
            raise
        yield from self._stored(self.storage.update(runner.release))

    # --- parts --------------------------------------------------------------------------------------------------

    def _history(self) -> Generator[Any, Any, list[Release]]:
        try:
            return (yield from self.storage.history(self._name))
        except StorageError as error:
            raise ActionFailed(str(error)) from error

    @staticmethod
    def _stored(steps: Generator[Any, Any, None]) -> Generator[Any, Any, None]:
        try:
            yield from steps
        except StorageError as error:
            raise ActionFailed(str(error)) from error

    def _hooks(
        self, runner: Runner, event: str, timeout: int, wanted: Mapping[str, Any], prefix: str = ""
    ) -> Generator[Any, Any, None]:
        if wanted.get("disableHooks"):
            return
        try:
            yield from runner.run(event, timeout)
        except ActionFailed as error:
            raise ActionFailed(f"{prefix or f'failed {event}: '}{error}") from error

    def _built(self, manifest: str, what: str) -> list[Object]:
        """The objects of a manifest as they are applied, in order."""
        try:
            made = [self.at.placed(obj) for obj in objects_of(manifest)]
        except ActionFailed as error:
            raise ActionFailed(f"unable to build kubernetes objects from {what}: {error}") from error
        return [owned(obj, self._name, self._namespace) for obj in made]

    def _update(
        self, before: Sequence[Object], after: Sequence[Object], created: list[Object]
    ) -> Generator[Any, Any, None]:
        """Apply what there is to be, delete what is no longer; ``created`` grows by what was not there."""
        known = {_identity(obj) for obj in before}
        for obj in after:
            if _identity(obj) in known:
                yield from self.at.apply(obj)
                continue
            there = yield from self._read(obj)
            try:
                yield from self.at.apply(obj)
            except ActionFailed as error:
                raise ActionFailed(
                    f"failed to create resource: {error}" if there is None else str(error)
                ) from error
            if there is None:
                created.append(obj)
        wanted = {_identity(obj) for obj in after}
        for obj in before:
            if _identity(obj) in wanted:
                continue
            live = yield from self._read(obj)
            if live is not None and not _is_kept(live):
                yield from self.at.delete(obj)

    def _ready(
        self, made: Sequence[Object], timeout: int, wanted: Mapping[str, Any]
    ) -> Generator[Any, Any, None]:
        if wanted.get("disableWait"):
            return
        jobs = not wanted.get("disableWaitForJobs")
        waits = [obj for obj in made if jobs or obj.get("kind") != "Job"]
        yield from self.at.wait(waits, timeout, checks=self._checks)

    def _refuse_strangers(self, made: Sequence[Object], action: str) -> Generator[Any, Any, None]:
        """What is there already has to belong to the release (existingResourceConflict)."""
        for obj in made:
            live = yield from self._read(obj)
            if live is None:
                continue
            notes = objects.annotations(live)
            problems = [_mismatch("label", MANAGED_BY, objects.labels(live), HELM)]
            problems.append(_mismatch("annotation", RELEASE_NAME, notes, self._name))
            problems.append(_mismatch("annotation", RELEASE_NAMESPACE, notes, self._namespace))
            why = "; ".join(each for each in problems if each)
            if why:
                who = f'{obj["kind"]} "{objects.name(obj)}" in namespace "{objects.namespace(obj)}"'
                what = f"unable to continue with {'install' if action == INSTALL else 'update'}: {who}"
                raise ActionFailed(
                    f"{what} exists and cannot be imported into the current release: invalid ownership metadata; {why}"
                )

    def _read(self, obj: Object) -> Generator[Any, Any, Object | None]:
        try:
            return (yield from self.at.read(obj))
        except StatusError as error:
            raise ActionFailed(f"could not get information about the resource: {error.message}") from error

    def _create_namespace(self) -> Generator[Any, Any, None]:
        metadata = {"name": self._namespace, "labels": {"name": self._namespace}}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        try:
            yield self.at.client.create("namespaces", body)
        except StatusError as error:
            if error.reason != "AlreadyExists":
                raise ActionFailed(f"failed to create namespace: {error.message}") from error


def _identity(obj: Object) -> tuple[str, str, str, str]:
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    return group, str(obj.get("kind")), *objects.key(obj)


def _is_kept(obj: Object) -> bool:
    return any(objects.annotations(obj).get(key) == value for key, value in KEEP.items())


def _mismatch(what: str, key: str, found: Mapping[str, str], value: str) -> str:
    if key not in found:
        return f'{what} validation error: missing key "{key}": must be set to "{value}"'
    if found[key] != value:
        return f'{what} validation error: key "{key}" must equal "{value}": current value is "{found[key]}"'
    return ""
