"""The terminal interface in a browser: served by textual-serve (extra ``web``), to this machine only.

Each visitor gets a process of their own. There is no login, and whoever reaches the page can write files as its owner: so the
server listens on the loopback address and answers only pages that it has served itself.

**Walk:** ``serve`` -> a browser opens the page -> a websocket -> ``kcsim tui`` with Textual's web driver.
"""

from __future__ import annotations

import shlex
import socket
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

HOST = "127.0.0.1"
PORT = 8000
NAMES = frozenset({HOST, "localhost"})


def is_available() -> bool:
    """Whether textual-serve is installed."""
    return find_spec("textual_serve") is not None


def fault_of_port(port: int) -> str | None:
    """Why nothing can be served on a port; None when it can."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return f"port {port} cannot be used: {error.strerror or error}"
    return None


def is_ours(host: str, origin: str | None, port: int) -> bool:
    """Whether a request was sent to this machine by its own name, and by a page of this server.

    Without it any page of the web could talk to the server through the visitor's browser.
    """
    allowed = {f"{name}:{port}" for name in NAMES}
    if host not in allowed:
        return False
    return origin is None or urlsplit(origin).netloc in allowed


def serve(arguments: Sequence[str], port: int) -> int:
    """Serve ``kcsim tui ARGUMENTS`` until ctrl+c; gives the exit code."""
    from aiohttp import web
    from textual_serve.server import Server

    class LoopbackServer(Server):
        """Refuses what does not come from its own page."""

        async def _make_app(self) -> Any:
            app = await super()._make_app()

            @web.middleware
            async def own_only(request: Any, handler: Any) -> Any:
                if not is_ours(request.headers.get("Host", ""), request.headers.get("Origin"), port):
                    raise web.HTTPForbidden(text="kcsim answers only its own page, on this machine")
                return await handler(request)

            app.middlewares.append(own_only)
            return app

    command = shlex.join([sys.executable, "-m", "kcsim", "tui", *arguments])
    print(f"kcsim: http://{HOST}:{port} (ctrl+c ends it)", file=sys.stderr)  # noqa: T201 - there is no screen
    LoopbackServer(command, host=HOST, port=port, title="kcsim").serve()
    return 0
