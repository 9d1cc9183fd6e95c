"""As whom and where an applier acts: as itself or as the ServiceAccount that an object names, here or in another cluster.

**Imitates:** fluxcd/pkg runtime/client (Impersonator), as helm-controller and kustomize-controller use it. Differs: whether the
account of a kubeconfig may be taken for the ServiceAccount is asked once a reconciliation, not with each request; in its own
cluster a controller is always allowed, since it is bound to cluster-admin.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client, Endpoint
from kcsim.api.identity import ANONYMOUS, bearer, impersonation_denial
from kcsim.api.kit.component import Component
from kcsim.api.objects import Object
from kcsim.api.request import User, service_account
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.flux import kubeconfig
from kcsim.delivery.gitops.flux.kubeconfig import KubeConfigError, Remote
from kcsim.delivery.gitops.flux.toolkit import spec
from kcsim.profile.api import ClientLimits

LIMITS = ClientLimits(50, 300)
"""--kube-api-qps, --kube-api-burst."""

UNREADABLE = "unable to read KubeConfig secret '{}' error"
_IN_CLUSTER = "https://kubernetes.default"

Reach = Callable[[str], Endpoint | None]
"""From the address of an API server to the way there; None where nobody answers."""


class Impersonation:
    """The clients of one controller, one for each cluster and account."""

    def __init__(
        self, component: Component, default: str, reach: Reach, unreadable: str = UNREADABLE
    ) -> None:
        """``default``: the account of objects that name none (--default-service-account); "" for the controller's own.

        ``unreadable`` is what is said of a Secret that cannot be read.
        """
        self._component = component
        self._unreadable = unreadable
        self._default = default
        self._reach = reach
        self._clients: dict[tuple[str, User], Client] = {}

    def client(self, obj: Object) -> Generator[Any, Any, Client]:
        """A task's steps: the client to act with for an object.

        Raises:
            KubeConfigError: ``spec.kubeConfig`` does not lead to a cluster, or not to one that lets it in.
        """
        account = self._account(obj)
        if spec(obj).get("kubeConfig"):
            remote = yield from self._remote(obj)
            return self._there(remote, account)
        return self._of(self._component.endpoint, account) if account is not None else self._component.client

    def exists(self, obj: Object) -> Generator[Any, Any, bool]:
        """A task's steps: whether the account of an object is there; the controller itself always is."""
        account = self._name(obj)
        if not account:
            return True
        try:
            yield self._component.client.get("serviceaccounts", objects.namespace(obj), account)
        except StatusError as error:
            if not error.is_not_found:
                raise
            return False
        return True

    def _name(self, obj: Object) -> str:
        return str(spec(obj).get("serviceAccountName") or self._default)

    def _account(self, obj: Object) -> User | None:
        name = self._name(obj)
        return service_account(objects.namespace(obj), name) if name else None

    def _remote(self, obj: Object) -> Generator[Any, Any, Remote]:
        """What the object's kubeConfig leads to, read anew each time: tokens in it may have been replaced."""
        config, namespace = spec(obj)["kubeConfig"], objects.namespace(obj)
        by_secret = config.get("secretRef")
        ref = by_secret or config.get("configMapRef")
        if not ref:
            raise KubeConfigError(
                "invalid .spec.kubeConfig, neither .spec.kubeConfig.configMapRef nor .spec.kubeConfig.secretRef is set"
            )
        who, kind = f"{namespace}/{ref['name']}", "secrets" if by_secret else "configmaps"
        try:
            found = yield self._component.client.get(kind, namespace, ref["name"])
        except StatusError as error:
            what = self._unreadable.format(who) if by_secret else f"failed to get configmap {who}"
            raise KubeConfigError(f"{what}: {error.message}", is_missing=error.is_not_found) from error
        if by_secret:
            return kubeconfig.of_secret(found, ref.get("key") or "", who)
        _, _, own_namespace, own_name = self._component.user.name.split(":")
        return kubeconfig.of_config_map(found, namespace, (own_namespace, own_name))

    def _there(self, remote: Remote, account: User | None) -> Client:
        own = remote.server.startswith(_IN_CLUSTER)
        endpoint = self._component.endpoint if own else self._reach(remote.server)
        if endpoint is None:
            host = remote.server.partition("://")[2].partition(":")[0]
            raise KubeConfigError(f'Get "{remote.server}/api": dial tcp: lookup {host}: no such host')
        user = bearer(endpoint.server, remote.token) if remote.token else ANONYMOUS
        if user is None:
            raise KubeConfigError("the server has asked for the client to provide credentials")
        if account is not None:
            denial = impersonation_denial(endpoint.server, user, account)
            if denial is not None:
                raise KubeConfigError(denial.message)
        return self._of(endpoint, account or user)

    def _of(self, endpoint: Endpoint, user: User) -> Client:
        component, place = self._component, (endpoint.host, user)
        client = self._clients.get(place)
        if client is None:
            # The stream's name is that of the account, without the prefix that all accounts share.
            who = user.name.removeprefix("system:serviceaccount:").replace(":", "/")
            client = self._clients[place] = Client(
                endpoint,
                user,
                component.host,
                user_agent=component.name,
                limits=LIMITS,
                stream=f"{component.name}/{who}",
            )
        return client
