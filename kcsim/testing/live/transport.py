"""Requests to a real API server over HTTP(S), by the standard library: one connection, one request at a time."""

from __future__ import annotations

import http.client
import json
import ssl
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kcsim.api.status import StatusError, Unreachable
from kcsim.testing.live.kubeconfig import Kubeconfig

TIMEOUT = 30
"""Wall seconds until a request is given up."""


class Transport:
    """A connection to an API server."""

    def __init__(self, config: Kubeconfig, user_agent: str = "kcsim") -> None:
        self._config = config
        self._user_agent = user_agent
        parts = urlsplit(config.server)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{config.server!r} is no URL of an API server")
        self._prefix = parts.path.rstrip("/")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self._connection: http.client.HTTPConnection = (
            http.client.HTTPSConnection(parts.hostname, port, timeout=TIMEOUT, context=_context(config))
            if parts.scheme == "https"
            else http.client.HTTPConnection(parts.hostname, port, timeout=TIMEOUT)
        )

    def request(self, method: str, path: str, body: Any = None, media: str = "application/json") -> Any:
        """The JSON body of the answer.

        Raises:
            StatusError: what the server refuses with.
            Unreachable: no answer came.
        """
        headers = {"Accept": "application/json", "User-Agent": self._user_agent}
        if body is not None:
            headers["Content-Type"] = media
        if self._config.token:
            headers["Authorization"] = f"Bearer {self._config.token}"
        data = None if body is None else json.dumps(body).encode()
        try:
            self._connection.request(method, self._prefix + path, data, headers)
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()  # the next request opens it again
            raise Unreachable(f"{method} {path}: {error or type(error).__name__}") from error
        if answer.status >= http.client.BAD_REQUEST:
            raise _refusal(answer.status, text)
        return json.loads(text) if text else {}

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def _refusal(code: int, text: bytes) -> StatusError:
    try:
        status = json.loads(text)
    except ValueError:
        status = {}
    if not isinstance(status, dict) or status.get("kind") != "Status":
        return StatusError(code, "", text.decode("utf-8", "replace").strip() or f"HTTP {code}")
    return StatusError(code, status.get("reason", ""), status.get("message", ""), status.get("details"))


def _context(config: Kubeconfig) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=config.ca.decode() if config.ca else None)
    if config.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if config.certificate:
        # ssl takes certificates from files only; they are gone as soon as they are read.
        with tempfile.TemporaryDirectory() as folder:
            chain, key = Path(folder) / "tls.crt", Path(folder) / "tls.key"
            key.touch(mode=0o600)
            chain.write_bytes(config.certificate)
            key.write_bytes(config.key)
            context.load_cert_chain(chain, key)
    return context
