"""`kcsim net`: questions about the network of a story."""

from __future__ import annotations

import json

import pytest

AT = ("--at", "5m", "--delivery", "push")


def test_without_a_question_it_shows_what_is_there(kcsim):
    said = kcsim("net", "drift-at-night", *AT)
    assert said.code == 0
    assert "nodes without a zone\n├─ node-1" in said.out
    assert "● " in said.out
    assert "ready endpoint" in said.out


def test_reach_says_yes_with_each_hop(kcsim):
    said = kcsim("net", "drift-at-night", *AT, "reach", "node-1", "node-2")
    assert said.code == 0
    assert said.out.startswith("node-1 -> node-2:80/TCP: yes")
    assert "path       node-1 - network - node-2" in said.out


def test_a_closed_port_is_a_no_with_exit_code_1(kcsim):
    said = kcsim("net", "drift-at-night", *AT, "reach", "node-1", "node-2", "--port", "99", "--json")
    assert said.code == 1
    answer = json.loads(said.out)
    assert answer["ok"] is False
    assert "listens at" in answer["why"]


def test_matrix_counts_the_pairs(kcsim):
    said = kcsim("net", "drift-at-night", *AT, "matrix", "shop")
    assert said.code == 0
    assert said.out.endswith("x: reaches it, -: does not; 6 of 6 pairs do\n")
    assert "no pod in namespace default" in kcsim("net", "drift-at-night", *AT, "matrix").out


def test_trace_says_where_a_request_dies(kcsim):
    said = kcsim("net", "drift-at-night", *AT, "trace", "users", "http://nobody-has-this")
    assert said.code == 1
    assert "NXDOMAIN" in said.out.splitlines()[0]
    assert "did you mean web.shop?" in kcsim("net", "drift-at-night", *AT, "trace", "users", "web").out
    assert kcsim("net", "drift-at-night", *AT, "trace", "users", "http://web.shop").code == 0


def test_a_trace_goes_over_a_kept_connection(kcsim):
    trace = ("net", "drift-at-night", *AT, "trace", "users", "http://web.shop")
    said = kcsim(*trace, "--kept", "4m")
    assert said.code == 0
    assert "kept       over a connection that was opened to shop/web-" in said.out
    assert json.loads(kcsim(*trace, "--kept", "4m", "--json").out)["connection"]["opened"] == 240_000_000
    assert kcsim(*trace, "--kept", "6m").err.startswith("kcsim: --kept 6m is later than --at 5m")
    said = kcsim("net", "drift-at-night", *AT, "trace", "users", "http://nobody-has-this", "--kept", "4m")
    assert said.code == 2
    assert "no connection was opened: NXDOMAIN" in said.err


def test_a_name_is_looked_up_question_by_question(kcsim):
    net = ("net", "drift-at-night", *AT, "--dns", "lookup", "deployment/web")
    said = kcsim(*net, "git.example")
    assert said.code == 0
    assert said.out.count("NXDOMAIN") == 3
    assert "git.example? kube-system/coredns-" in said.out
    said = kcsim(*net, "10.96.0.10", "--json")
    assert json.loads(said.out)["questions"][0]["records"] == ["PTR kube-dns.kube-system.svc.cluster.local"]
    said = kcsim(*net, "nobody-has-this")
    assert (said.code, said.out.splitlines()[0].partition(" after")[0]) == (1, "nobody-has-this: NXDOMAIN")
    said = kcsim(*net, "web", "--type", "mx")
    assert (said.code, said.err.strip()) == (
        2,
        "kcsim: there are records of type A, AAAA, CNAME, SRV, PTR, not 'mx'",
    )


def test_svg_is_one_picture(kcsim):
    said = kcsim("net", "drift-at-night", *AT, "svg")
    assert said.out.startswith("<svg ")
    assert said.out.rstrip().endswith("</svg>")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("raech", "a", "b"), "there is no question 'raech'"),
        (("reach", "a"), "reach takes 2 words, not 1"),
        (("matrix", "--kept", "1m"), "--kept: only a trace goes over a connection"),
        (("reach", "nowhere", "node-1"), "no pod, Service or host 'nowhere'"),
        (("trace", "users", "http://"), "is no URL of a host"),
    ],
)
def test_wrong_questions_are_told(kcsim, words, message):
    said = kcsim("net", "drift-at-night", *AT, *words)
    assert said.code == 2
    assert message in said.err
