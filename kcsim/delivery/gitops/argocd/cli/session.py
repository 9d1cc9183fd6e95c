"""One argocd invocation: its flags, its connection, and what it prints.

**Imitates:** argo-cd 3.x cmd/argocd in core mode (``argocd --core``): the command talks to the Kubernetes API with the
person's own rights, as argocd-server would with its own. Errors end it with exit code 20, as its logger writes them on a
terminal.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.argocd import terms
from kcsim.delivery.gitops.pflags import Arguments
from kcsim.engine.clock import SECOND
from kcsim.kubectl.session import Outcome

GENERIC = 20
"""errors.ErrorGeneric."""
POLL = SECOND
Comparisons = Callable[[Key], Any]
"""What the controller's last comparison of an Application found, as it stands in the cache; None when it does not."""


class ArgocdError(Exception):
    """Ends the command; the message is printed as its logger does."""


class Usage(ArgocdError):
    """The command cannot be run as it was typed."""


@dataclass
class Session:
    """What a command works with.

    Attributes:
        client: the connection, as somebody, from somewhere.
        namespace: where Applications are when no -N is given.
        comparisons: the cache of managed resources.
    """

    client: Client
    arguments: Arguments
    namespace: str
    comparisons: Comparisons
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    exit_code: int = 0

    @property
    def now(self) -> int:
        """The instant (µs)."""
        return self.client.endpoint.engine.now

    def print(self, line: str = "") -> None:
        """A line of results."""
        self.out.append(f"{line}\n")

    def fatal(self, message: str, code: int = GENERIC) -> None:
        """The last line, and the exit code."""
        self.err.append(f"FATA[0000] {message}\n")
        self.exit_code = code

    def table(self, rows: Sequence[Sequence[str]], *, least: int = 0) -> None:
        """Rows as Go's tabwriter sets them: two blanks between columns, the last cell as it is."""
        widths = [max(least, *(len(row[i]) + 2 for row in rows)) for i in range(len(rows[0]) - 1)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            self.print("".join([*cells, row[-1]]))

    def outcome(self) -> Outcome:
        """What the command left behind."""
        return Outcome(self.exit_code, "".join(self.out), "".join(self.err))

    # --- Applications -------------------------------------------------------------------------------------------

    def key(self, name: str) -> Key:
        """The Application that a word names: ``NAME`` or ``NAMESPACE/NAME`` (ParseFromQualifiedName)."""
        namespace, slash, rest = name.partition("/")
        return (namespace, rest) if slash else (self.arguments.get("app-namespace", self.namespace), name)

    def application(self, name: str, *, refresh: str = "") -> Generator[Any, Any, Object]:
        """A task's steps: an Application; with ``refresh`` (normal or hard) compared anew before.

        Raises:
            ArgocdError: there is none.
        """
        key = self.key(name)
        if refresh:
            body = {"metadata": {"annotations": {terms.REFRESH: refresh}}}
            try:
                yield self.client.patch(terms.APPLICATIONS, *key, body)
            except StatusError as error:
                raise (yield from self._missing(name, error)) from None
        while True:
            try:
                app: Object = yield self.client.get(terms.APPLICATIONS, *key)
            except StatusError as error:
                raise (yield from self._missing(name, error)) from None
            if not refresh or terms.REFRESH not in objects.annotations(app):
                return app
            yield from self.pause()

    def _missing(self, name: str, error: StatusError) -> Generator[Any, Any, ArgocdError]:
        """Why an Application cannot be had; upstream tells nobody whether it exists who did not name its project."""
        if not error.is_not_found:
            return ArgocdError(f"rpc error: code = Unknown desc = {error.message}")
        found = yield self.client.list(terms.APPLICATIONS, self.key(name)[0])
        known = [objects.name(app) for app in found["items"]]
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none'}"
        return ArgocdError(
            f"rpc error: code = PermissionDenied desc = permission denied (there is no application '{name}'; {hint})"
        )

    def pause(self) -> Generator[Any, Any, None]:
        """Wait until something may have changed; upstream watches."""
        from kcsim.engine.task import Sleep

        yield Sleep(self.client.endpoint.engine, POLL)

    def name(self) -> str:
        """The Application's name, the one word of most commands.

        Raises:
            Usage: there is none, or more than one.
        """
        if len(self.arguments.words) != 1:
            raise Usage("the command takes the name of one application")
        return self.arguments.words[0]
