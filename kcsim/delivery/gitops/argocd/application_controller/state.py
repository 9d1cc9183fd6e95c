"""What the two queues of a controller share: its settings, its connections, and what it remembers between comparisons.

**Imitates:** argo-cd 3.x controller (ApplicationController's informers and caches, appStateManager, the cluster caches
of controller/cache and the sharding of controller/sharding). What upstream keeps in Redis of an Application's managed
resources, for argocd-server, stands there, too.

**Walk:** ``State`` is made with the process -> ``start`` -> clusters are watched as their Secrets appear -> both queues
ask it for projects, clusters, comparisons.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

from kcsim.api import objects
from kcsim.api.apply.schema import TypeSchema
from kcsim.api.apply.schemas import schema_for
from kcsim.api.client import Client, Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.objects import Key, Object
from kcsim.api.request import User
from kcsim.api.resources import GVK
from kcsim.delivery.gitops.argocd import projects, terms, windows
from kcsim.delivery.gitops.argocd.application_controller import clusters
from kcsim.delivery.gitops.argocd.application_controller.applications import Applications
from kcsim.delivery.gitops.argocd.application_controller.cluster_cache import ClusterCache
from kcsim.delivery.gitops.argocd.application_controller.clusters import LOCAL, Cluster, UnknownCluster
from kcsim.delivery.gitops.argocd.application_controller.comparison import Comparison, compare
from kcsim.delivery.gitops.argocd.autosync import SelfHeal
from kcsim.delivery.gitops.argocd.diff import compare as diff
from kcsim.delivery.gitops.argocd.diff import tracking
from kcsim.delivery.gitops.argocd.diff.strategies import Difference
from kcsim.delivery.gitops.argocd.health.check import assess
from kcsim.delivery.gitops.argocd.projects import Project
from kcsim.delivery.gitops.argocd.redis import Cache
from kcsim.delivery.gitops.argocd.repo_server.server import Manifests
from kcsim.delivery.gitops.argocd.resources import ResourceKey
from kcsim.delivery.gitops.argocd.services import Services
from kcsim.delivery.gitops.argocd.settings import Configuration, ControllerSettings, configuration
from kcsim.engine.clock import HOUR
from kcsim.profile.api import ClientLimits

if TYPE_CHECKING:
    from kcsim.delivery.gitops.argocd.application_controller.operations import Operations
    from kcsim.delivery.gitops.argocd.application_controller.refresh import Refresh

CONFIG_MAP = "argocd-cm"
WATCHED = (terms.APPLICATIONS, terms.PROJECTS, "secrets", "configmaps")
"""What a controller watches where it runs itself."""
STATE_EXPIRY = HOUR
"""--app-state-cache-expiration."""

Reach = Callable[[Endpoint, str], Endpoint | None]
"""``(own endpoint, address) -> endpoint``: the API server behind the address of a cluster."""


class NoAccount(Exception):
    """A project names no account as which a sync could act; the message says why."""


class State:
    """Of one process.

    Attributes:
        namespace: the control plane's.
        shard: which replica this is, from 0.
    """

    def __init__(
        self,
        component: Component,
        namespace: str,
        shard: int,
        settings: ControllerSettings,
        services: Services,
        reach: Reach,
    ) -> None:
        self.component = component
        self.namespace = namespace
        self.shard = shard
        self.settings = settings
        self.services = services
        self.cache = Cache(services, component.endpoint, namespace)
        self.applications = Applications(component, component.client, component.informer(terms.APPLICATIONS))
        self.projects = component.informer(terms.PROJECTS)
        self.configuration = Configuration()
        self._is_configured = False
        self.refresh: Refresh | None = None
        self.operations: Operations | None = None
        self._reach = reach
        self._secrets = component.informer("secrets")
        self._config_maps = component.informer("configmaps")
        self._known: list[Cluster] | None = None
        self._caches: dict[str, ClusterCache] = {}
        self._accounts: dict[tuple[str, User], Client] = {}
        self._failing: dict[Key, int] = {}
        self._compared: dict[Key, Comparison] = {}
        self._marked: dict[Key, tuple[tuple[int, ...], list[Object], Sequence[Manifests]]] = {}
        self._differences: dict[Key, dict[ResourceKey, tuple[Any, Any, diff.Options, Difference]]] = {}
        self._options: dict[Key, tuple[Any, diff.Options]] = {}
        self._secrets.on_change(self._secret_changed)
        self._config_maps.on_change(self._configured)
        self.projects.on_change(self._project_changed)

    # --- life ---------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """The process ended."""
        for cache in self._caches.values():
            cache.stop()
        self._caches.clear()
        self._known = None
        self._is_configured = False
        self.applications.reset()
        for kept in (self._failing, self._compared, self._marked, self._differences, self._options):
            kept.clear()

    def forget(self, app: Object) -> None:
        """An Application is gone, or cannot be compared."""
        key = objects.key(app)
        for kept in (self._failing, self._compared, self._marked, self._differences, self._options):
            kept.pop(key, None)
        self.cache.drop(("managed-resources", self.namespace, key))

    # --- configuration ------------------------------------------------------------------------------------------

    def _configured(self, _old: Object | None, new: Object | None) -> None:
        """argocd-cm changed: everything is compared by its rules from now on."""
        if new is None or objects.key(new) != (self.namespace, CONFIG_MAP):
            return
        self.configuration, absent = configuration(new)
        self._is_configured = True
        for what in absent:
            self.component.engine.note(
                self.component.name, "not-modelled", f"configmap/{self.namespace}/{CONFIG_MAP}", {"key": what}
            )
        self._options.clear()
        self._differences.clear()
        self._warm_up_all()

    def _project_changed(self, _old: Object | None, new: Object | None) -> None:
        """Tells of sync windows that cannot be read as they were meant."""
        if new is None:
            return
        for what in windows.complaints(new):
            subject = f"appproject/{self.namespace}/{objects.name(new)}"
            self.component.engine.note(self.component.name, "invalid-sync-window", subject, {"message": what})

    def can_sync(
        self, app: Object, project: Project, *, manual: bool, since: int | None = None
    ) -> tuple[bool, str]:
        """Whether the project's windows let an Application be synced now, and what is wrong with a window.

        Args:
            since: when the operation began (µs), for windows that let one go on.
        """
        cluster = self.cluster_of(app)
        try:
            allowed = windows.can_sync(
                {"spec": project.spec},
                app,
                self.component.engine.now,
                manual=manual,
                cluster=(cluster.server, cluster.name),
                started=since,
            )
        except ValueError as error:
            return False, str(error)
        return allowed, ""

    @property
    def self_heal(self) -> SelfHeal:
        """How long self-heal waits between attempts."""
        settings = self.settings
        return SelfHeal(settings.self_heal_first, settings.self_heal_factor, settings.self_heal_most)

    # --- which Applications -------------------------------------------------------------------------------------

    def may_process(self, app: Object) -> bool:
        """Whether this replica looks after an Application (canProcessApp)."""
        if objects.annotations(app).get(terms.SKIP_RECONCILE) == "true":
            return False
        if objects.namespace(app) != self.namespace:
            return False
        if self.settings.replicas <= 1 or not self._secrets.synced:
            return True
        try:
            cluster = self.cluster_of(app)
        except UnknownCluster:
            return self.shard == 0
        known = self.known_clusters()
        return clusters.shard_of(cluster, known, self.settings.replicas, self.settings.sharding) == self.shard

    @property
    def _knows_settings(self) -> bool:
        return self._is_configured or self._config_maps.synced

    def is_ready(self, app: Object) -> bool:
        """Whether the live state of an Application's cluster is known, or cannot be."""
        if not self._knows_settings:
            return False
        try:
            cache = self.cluster_cache(app)
        except UnknownCluster:
            return True
        return cache.synced or not cache.component.client.reachable

    def instance(self, app: Object) -> str:
        """The name an Application's objects are marked with."""
        return tracking.instance_name(objects.namespace(app), objects.name(app), self.namespace)

    def key_of(self, instance: str) -> Key:
        """The Application behind a mark."""
        namespace, separate, name = instance.partition("_")
        return (namespace, name) if separate else (self.namespace, instance)

    def owner(self, obj: Object) -> str:
        """The mark on a live object."""
        return tracking.application_of(obj, self.configuration.tracking)

    # --- clusters -----------------------------------------------------------------------------------------------

    def _secret_changed(self, old: Object | None, new: Object | None) -> None:
        if any(obj is not None and clusters.is_cluster_secret(obj) for obj in (old, new)):
            self._known = None
            servers = {cluster.server for cluster in self.known_clusters()}
            for server in [known for known in self._caches if known not in servers]:
                self._caches.pop(server).stop()
            self._warm_up_all()

    def _warm_up_all(self) -> None:
        for app in self.applications.all():
            if self.may_process(app):
                self.warm_up(app)

    def warm_up(self, app: Object) -> None:
        """Begin to watch an Application's cluster, so that what happens there is seen before anybody compares.

        Not before argocd-cm has said which kinds are none of Argo CD's business (upstream reads the settings first).
        """
        if not self._knows_settings:
            return
        try:
            self.cluster_cache(app)
        except UnknownCluster:
            return  # a comparison will say so

    def known_clusters(self) -> list[Cluster]:
        """The clusters that the Secrets of the control plane's namespace describe, and the local one."""
        if self._known is None:
            self._known = clusters.clusters_of(self._secrets.list(self.namespace))
        return self._known

    def cluster_of(self, app: Object) -> Cluster:
        """The destination of an Application.

        Raises: UnknownCluster.
        """
        return clusters.find(terms.destination(app), self.known_clusters())

    def cluster_cache(self, app: Object) -> ClusterCache:
        """The live state of an Application's cluster; watched from the first time that somebody asks.

        Raises: UnknownCluster.
        """
        return self._cache_of(self.cluster_of(app))

    def _cache_of(self, cluster: Cluster) -> ClusterCache:
        known = self._caches.get(cluster.server)
        if known is not None:
            return known
        endpoint = self.component.endpoint
        if cluster.server != LOCAL.server:
            found = self._reach(endpoint, cluster.server)
            if found is None:
                raise UnknownCluster(f'Get "{cluster.server}/version?timeout=32s": dial tcp: no such host')
            endpoint = found
        component = Component(
            endpoint, self.component.name, cluster.user or self.component.user, self.component.host
        )
        component.supervisor = self.component.supervisor
        cache = self._caches[cluster.server] = ClusterCache(
            component,
            cluster.server,
            self.owner,
            lambda obj: assess(obj, self.configuration.health),
            lambda group, kind: self.configuration.excludes(group, kind, cluster.server),
            self._objects_changed,
        )
        cache.start()
        return cache

    def _objects_changed(self, concerned: Any) -> None:
        if self.refresh is not None and self.component.running:
            self.refresh.objects_changed(concerned)

    def destination_client(self, app: Object) -> Client:
        """The connection to an Application's cluster."""
        return self.cluster_cache(app).component.client

    def sync_client(self, app: Object, project: Project) -> Client:
        """The connection with which an Application is synced: as the account that its project names, where syncs impersonate.

        Raises: NoAccount.
        """
        own = self.destination_client(app)
        if not self.configuration.impersonates:
            return own
        cluster, namespace = self.cluster_of(app), terms.destination(app).get("namespace") or ""
        home = objects.namespace(app)
        try:
            account = project.account(projects.Cluster(cluster.server, cluster.name), namespace, home)
        except ValueError as error:
            raise NoAccount(str(error)) from error
        if account is None:
            if not self.configuration.impersonation_enforced:
                return own
            raise NoAccount(
                f"no matching service account found for destination server {cluster.server} and namespace {namespace}"
            )
        key = own.endpoint.host, account
        client = self._accounts.get(key)
        if client is None:
            # The stream's name is that of the account, without the prefix that all accounts share.
            who = account.name.removeprefix("system:serviceaccount:").replace(":", "/")
            name = self.component.name
            client = self._accounts[key] = Client(
                own.endpoint,
                account,
                self.component.host,
                user_agent=name,
                limits=ClientLimits(self.settings.qps, 2 * self.settings.qps),
                stream=f"{name}/{who}",
            )
        return client

    def schema_of(self, app: Object) -> Callable[[GVK], TypeSchema]:
        """The merge schemas of the kinds of an Application's cluster."""
        server = self.cluster_cache(app).component.endpoint.server

        def schema(gvk: GVK) -> TypeSchema:
            resource = server.catalog.by_gvk(gvk)
            return schema_for(gvk) if resource is None else server.ownership.schema(resource)

        return schema

    def orphans(self, app: Object, project: Project, compared: Comparison) -> list[Object]:
        """The top-level objects of the destination's namespace that no Application manages, where the project asks."""
        namespace = terms.destination(app).get("namespace", "")
        if project.spec.get("orphanedResources") is None or not namespace:
            return []
        managed = frozenset(each.key for each in compared.managed)
        loose = [obj for obj in self.cluster_cache(app).top_level(namespace) if not self.owner(obj)]
        return projects.orphans(project, loose, managed)

    # --- comparisons --------------------------------------------------------------------------------------------

    def compare(self, app: Object, project: Project, **question: Any) -> Generator[Any, Any, Comparison]:
        """A task's steps: see ``comparison.compare``."""
        return (yield from compare(self, app, project, **question))

    def remember(self, app: Object, found: Comparison) -> None:
        """Keep what was found, here and where argocd-server looks for it."""
        key = objects.key(app)
        self._compared[key] = found
        kept = self._differences.get(key)
        if kept:
            there = {managed.key for managed in found.managed}
            for gone in [each for each in kept if each not in there]:
                del kept[gone]
        self.cache.put(("managed-resources", self.namespace, key), found, STATE_EXPIRY)

    def last_comparison(self, app: Object) -> Comparison | None:
        """What the last comparison found."""
        return self._compared.get(objects.key(app))

    def tree(self, app: Object, compared: Comparison) -> list[Object]:
        """Everything an Application consists of, with what its objects own."""
        cache = self.cluster_cache(app)
        roots = [cache.get(managed.key) or managed.live for managed in compared.managed]
        return cache.tree(obj for obj in roots if obj is not None)

    def is_silent(self, app: Object, *, forced: bool) -> bool:
        """Whether an error of the repository is passed over: the first one, and those within the grace period."""
        key, now = objects.key(app), self.component.engine.now
        if forced:
            return False
        first = self._failing.get(key)
        if first is None:
            self._failing[key] = now
            return True
        return now - first <= self.settings.grace

    def repository_works(self, app: Object) -> None:
        """The repository answered."""
        self._failing.pop(objects.key(app), None)

    def marked(self, app: Object, answers: Sequence[Manifests]) -> list[Object] | None:
        """The marked manifests of the very same answers, when they have been made before."""
        known = self._marked.get(objects.key(app))
        same = tuple(id(answer) for answer in answers)
        return known[1] if known is not None and known[0] == same else None

    def remember_marked(self, app: Object, answers: Sequence[Manifests], made: list[Object]) -> None:
        """Keep marked manifests; the answers stay alive with them, so that their identity is theirs alone."""
        self._marked[objects.key(app)] = (tuple(id(answer) for answer in answers), made, answers)

    def known_difference(
        self, app: Object, key: ResourceKey, target: Object | None, live: Object | None, options: diff.Options
    ) -> Difference | None:
        """The difference between the same two objects, when it has been worked out before."""
        known = self._differences.get(objects.key(app), {}).get(key)
        if known is None or known[1] is not live or known[2] is not options:
            return None
        return known[3] if known[0] is target or known[0] == target else None

    def remember_difference(
        self,
        app: Object,
        key: ResourceKey,
        target: Object | None,
        live: Object | None,
        options: diff.Options,
        difference: Difference,
    ) -> None:
        """Keep a difference."""
        self._differences.setdefault(objects.key(app), {})[key] = (target, live, options, difference)

    def known_options(self, app: Object) -> diff.Options | None:
        """How an Application is compared, when nothing that decides it has changed."""
        known = self._options.get(objects.key(app))
        return known[1] if known is not None and known[0] == _decides(app) else None

    def remember_options(self, app: Object, options: diff.Options) -> None:
        """Keep how an Application is compared."""
        self._options[objects.key(app)] = (_decides(app), options)


def _decides(app: Object) -> tuple[Any, ...]:
    spec = terms.spec(app)
    from kcsim.delivery.gitops.argocd.resources import COMPARE_OPTIONS

    return (
        spec.get("ignoreDifferences"),
        terms.sync_options(app),
        terms.destination(app),
        objects.annotations(app).get(COMPARE_OPTIONS),
    )
