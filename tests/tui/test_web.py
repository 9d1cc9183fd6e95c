"""The interface in a browser: its page answers this machine only, and a visitor gets a live screen."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys

import pytest

from kcsim.tui.web import HOST, fault_of_port, is_ours
from tests.tui.worlds import SMALL


@pytest.mark.parametrize(
    ("host", "origin", "ours"),
    [
        ("127.0.0.1:8000", None, True),
        ("localhost:8000", "http://localhost:8000", True),
        ("127.0.0.1:8000", "http://127.0.0.1:8000", True),
        ("evil.example:8000", None, False),
        ("127.0.0.1:8000", "http://evil.example", False),
        ("127.0.0.1:8000", "http://127.0.0.1:9000", False),
        ("127.0.0.1:9000", None, False),
        ("", None, False),
    ],
)
def test_only_its_own_page_is_answered(host, origin, ours):
    assert is_ours(host, origin, 8000) is ours


def test_a_port_that_is_taken_is_told():
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        assert "cannot be used" in (fault_of_port(taken.getsockname()[1]) or "")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_a_visitor_gets_a_live_screen_and_the_end_leaves_no_process():
    aiohttp = pytest.importorskip("aiohttp")
    pytest.importorskip("textual_serve")
    port = _free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "kcsim", "tui", SMALL, "-d", "push", "--web", "--port", str(port)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TEXTUAL_ANIMATIONS": "none"},
    )
    assert server.stderr is not None
    assert f"http://{HOST}:{port}".encode() in server.stderr.readline()

    async def visit() -> None:
        async with aiohttp.ClientSession() as session:
            for _ in range(200):
                try:
                    page = await session.get(f"http://{HOST}:{port}/")
                except aiohttp.ClientConnectorError:
                    await asyncio.sleep(0.05)
                else:
                    break
            assert page.status == 200
            foreign = await session.get(f"http://{HOST}:{port}/", headers={"Origin": "http://evil.example"})
            assert foreign.status == 403
            seen = b""
            async with session.ws_connect(f"http://{HOST}:{port}/ws?width=100&height=30") as socket_:
                while b"Story" not in seen:
                    message = await asyncio.wait_for(socket_.receive(), 60)
                    assert message.type in {aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT}, message
                    seen += message.data if isinstance(message.data, bytes) else message.data.encode()

    try:
        asyncio.run(visit())
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            raise
