"""One kubectl invocation: its connection, its defaults and what it prints.

**Imitates:** kubectl (v1.33 to v1.36): exit codes, stdout and stderr, error texts of ``cmdutil.CheckErr``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kcsim.api.client import Client
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError, Unreachable
from kcsim.engine.core import Engine
from kcsim.engine.shown import Shown


class KubectlError(Exception):
    """Ends the command with exit code 1; the message is what stderr shows."""


class UsageError(KubectlError):
    """The command line cannot be understood."""


@dataclass(frozen=True, slots=True)
class Outcome(Shown):
    """What the command left behind."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        """Both streams, as a terminal shows them."""
        return self.stdout + self.stderr


@dataclass
class Session:
    """What a command works with.

    Attributes:
        client: the connection, as somebody, from somewhere.
        namespace: where things are when no -n is given.
        files: what -f may name: texts by path; ``-`` is stdin.
        failure: the exit code of an error; ``kubectl diff`` has another one than the rest.
    """

    client: Client
    namespace: str = "default"
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    failed: bool = False
    failure: int = 1

    @property
    def engine(self) -> Engine:
        """The clock it runs on."""
        return self.client.endpoint.engine

    def print(self, line: str) -> None:
        """A line to stdout."""
        self.out.append(f"{line}\n")

    def write(self, text: str) -> None:
        """Text to stdout as it is."""
        self.out.append(text)

    def warn(self, line: str) -> None:
        """A line to stderr."""
        self.err.append(f"{line}\n")

    def server_warning(self, text: str) -> None:
        """A warning of the server, which is shown once a command however often it comes."""
        line = f"Warning: {text}\n"
        if line not in self.err:
            self.err.append(line)

    def error(self, line: str) -> None:
        """A line to stderr; the command goes on but will exit with 1."""
        self.warn(line)
        self.failed = True

    def outcome(self) -> Outcome:
        """The result so far."""
        return Outcome(self.failure if self.failed else 0, "".join(self.out), "".join(self.err))

    def resource(self, word: str) -> Resource:
        """The resource a person means.

        Raises:
            KubectlError: as kubectl says it.
        """
        found = self.client.endpoint.server.catalog.by_word(word)
        if found is None:
            raise KubectlError(f'error: the server doesn\'t have a resource type "{word.partition(".")[0]}"')
        return found


def word(resource: Resource) -> str:
    """How kubectl names a kind in its messages: ``deployment.apps``, ``pod``."""
    return f"{resource.singular}.{resource.group}" if resource.group else resource.singular


def group_kind(resource: Resource) -> str:
    """How Go prints a kind with its group: ``StatefulSet.apps``, ``Pod``."""
    return f"{resource.kind}.{resource.group}" if resource.group else resource.kind


def named(resource: Resource, name: str) -> str:
    """How kubectl names an object: ``deployment.apps/web``."""
    return f"{word(resource)}/{name}"


def server_error(error: StatusError, doing: str = "") -> str:
    """The line kubectl prints for an error of the server (cmdutil.StandardErrorMessage)."""
    if isinstance(error, Unreachable):
        return f"Unable to connect to the server: {error.message}"
    if error.reason == "Invalid":
        kind = (error.details or {}).get("kind", "")
        name = (error.details or {}).get("name", "")
        _, _, why = error.message.partition(" is invalid: ")
        if not kind:
            return f"The request is invalid: {why or error.message}"
        return f'The {kind} "{name}" is invalid: {_causes(error) or why}'
    if error.reason == "Unauthorized":
        return f"error: You must be logged in to the server ({error.message})"
    text = f"{doing}: {error.message}" if doing else error.message
    if not error.reason:
        return f"Error from server: {text}"
    return f"Error from server ({error.reason}): {text}"


def _causes(error: StatusError) -> str:
    """What is wrong, each thing once; several things stand one a line (cmdutil.MultilineError)."""
    causes = (error.details or {}).get("causes") or []
    texts = list(dict.fromkeys(f"{cause.get('field', '')}: {cause.get('message', '')}" for cause in causes))
    return texts[0] if len(texts) == 1 else "".join(f"\n* {text}" for text in texts)


def list_error(error: StatusError, resource: Resource, labels: str, fields: str) -> StatusError:
    """The error of a list by selectors, with the words cli-runtime puts before a bad one."""
    if error.reason != "BadRequest" or not (labels or fields):
        return error
    version = resource.group_version if resource.group else f"/{resource.version}"
    text = (
        f'Unable to find "{version}, Resource={resource.plural}" that match label selector "{labels}", '
        f'field selector "{fields}": {error.message}'
    )
    return StatusError(error.code, error.reason, text, error.details)
