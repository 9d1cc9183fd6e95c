"""One test body on a simulation and over HTTP; the HTTP side is kcsim's own front door behind a socket."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kcsim.api.http import Request, Response, handle
from kcsim.api.request import User
from kcsim.api.status import StatusError, Unreachable
from kcsim.simulation.finding import NotFound
from kcsim.simulation.simulation import Simulation
from kcsim.testing.anywhere import VARIABLE, AnyCluster, Live, Simulated, anywhere
from kcsim.testing.live.kubeconfig import Kubeconfig, KubeconfigError, load
from kcsim.testing.live.transport import Transport
from kcsim.testing.tiny import crd
from tests.unit.testing.controllers import Raising, WebApps, web_app

TOKEN = "the-token"
ADMIN = User("kubernetes-admin", ("system:masters", "system:authenticated"))


class Door:
    """An API server of a simulation behind a socket; a tenth of a second passes with each request."""

    def __init__(self) -> None:
        self.sim = sim = Simulation(nodes=1, seed=2)
        asked: list[tuple[str, str, str | None]] = []
        self.asked = asked
        one_at_a_time = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                with one_at_a_time:
                    self.answer_one()

            def answer_one(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length) if length else None
                path, _, query = self.path.partition("?")
                asked.append((self.command, path, self.headers.get("User-Agent")))
                known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
                headers = {k: v for k, v in self.headers.items() if k != "Authorization"}
                user = ADMIN if known else User("system:anonymous", ("system:unauthenticated",))
                response = handle(
                    sim.cluster().server, Request(self.command, path, query, headers, body, user)
                )
                assert isinstance(response, Response)
                sim.run("100ms")
                data = response.body if isinstance(response.body, str) else json.dumps(response.body)
                self.send_response(response.code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data.encode())))
                self.end_headers()
                self.wfile.write(data.encode())

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the names http.server calls

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def door() -> Iterator[Door]:
    opened = Door()
    yield opened
    opened.close()


def kubeconfig(folder: Path, server: str, **user: Any) -> Path:
    file = folder / "config"
    whole = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user or {"token": TOKEN}}],
    }
    file.write_text(json.dumps(whole), encoding="utf-8")
    return file


def body(cluster: AnyCluster) -> None:
    """The test that runs anywhere."""
    cluster.run(WebApps)
    cluster.apply([crd("WebApp", "example.com"), web_app()])
    cluster.eventually(lambda c: c.get("webapp/web")["status"]["ready"] == 2, within="30s")
    assert cluster.get("service/web")["spec"]["ports"][0]["port"] == 80
    cluster.patch("webapp/web", {"spec": {"replicas": 3, "exposed": False}})
    cluster.eventually(lambda c: c.get("webapp/web")["status"]["ready"] == 3, within="30s")
    with pytest.raises(NotFound):
        cluster.get("service/web")
    assert [each["metadata"]["name"] for each in cluster.list("deployment")] == ["web"]
    cluster.delete("webapp/web")
    cluster.delete("webapp/web")
    cluster.eventually(lambda c: not c.list("deployment"), within="30s")


def test_the_body_runs_on_a_simulation() -> None:
    with anywhere() as cluster:
        assert isinstance(cluster, Simulated)
        body(cluster)


def test_the_same_body_runs_over_http_and_leaves_nothing_behind(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(kubeconfig(tmp_path, door.url)))
    with anywhere() as cluster:
        assert isinstance(cluster, Live)
        body(cluster)
        assert not cluster.programs[0].failures
    assert not door.sim.list("crd")
    assert {agent for _, path, agent in door.asked if path.endswith("/webapps")} >= {"webapps"}


def test_what_was_waited_for_in_vain_is_told_with_the_line_that_waits() -> None:
    with anywhere() as cluster:
        cluster.apply([crd("WebApp", "example.com"), web_app()])
        cluster.run(Raising)
        with pytest.raises(TimeoutError) as error:
            cluster.eventually(lambda c: c.get("webapp/web")["statsu"]["ready"] == 2, within="30s")
    assert str(error.value) == (
        'lambda c: c.get("webapp/web")["statsu"]["ready"] == 2 did not hold within 30s; '
        "default/web failed last with KeyError('size'); it raised KeyError: 'statsu'"
    )
    assert {each.frame.code.path.name for each in error.traceback if not each.ishidden(error)} == {
        "test_anywhere.py"
    }


def test_a_failing_controller_is_named_when_time_is_up(door: Door, tmp_path: Path) -> None:
    with anywhere(kubeconfig(tmp_path, door.url)) as cluster:
        cluster.apply([crd("WebApp", "example.com"), web_app()])
        cluster.run(Raising)
        with pytest.raises(
            TimeoutError, match=r"within 500ms; default/web failed last with KeyError\('size'\)"
        ):
            cluster.eventually(lambda c: False, within="500ms")


def test_what_the_server_refuses_is_a_status_error(door: Door) -> None:
    with pytest.raises(StatusError, match="forbidden") as caught:
        Transport(Kubeconfig(door.url)).request("GET", "/api/v1/secrets")
    assert (caught.value.code, caught.value.reason) == (403, "Forbidden")


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="GET /api/v1/pods"):
        Transport(Kubeconfig("http://127.0.0.1:1")).request("GET", "/api/v1/pods")


def test_certificates_and_tokens_are_read_from_data_and_from_files(tmp_path: Path) -> None:
    (tmp_path / "client.key").write_bytes(b"KEY")
    (tmp_path / "token").write_text("abc\n", encoding="utf-8")
    data = base64.b64encode(b"CERT").decode()
    file = kubeconfig(
        tmp_path,
        "https://example.test:6443/",
        **{"client-certificate-data": data, "client-key": "client.key", "tokenFile": "token"},
    )
    found = load(file)
    assert (found.server, found.certificate, found.key, found.token) == (
        "https://example.test:6443",
        b"CERT",
        b"KEY",
        "abc",
    )


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({"exec": {"command": "login"}}, "has 'exec', which is not supported"),
        ({"client-key-data": "?"}, "client-key-data is no base64"),
        ({"tokenFile": "nowhere"}, "nowhere: No such file"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_says_why(
    tmp_path: Path, user: dict[str, Any], message: str
) -> None:
    with pytest.raises(KubeconfigError, match=message):
        load(kubeconfig(tmp_path, "https://example.test", **user))


def test_a_kubeconfig_or_context_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="No such file"):
        load(tmp_path / "nothing")
    with pytest.raises(KubeconfigError, match="no context 'there'; there are here"):
        load(kubeconfig(tmp_path, "https://example.test"), "there")
