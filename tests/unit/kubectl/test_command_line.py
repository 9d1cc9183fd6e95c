"""What is typed: unknown commands, flags, kinds; and a server that does not answer."""

from __future__ import annotations

import pytest

from kcsim.engine.task import run_now
from kcsim.kubectl.command import check, kubectl
from kcsim.kubectl.describers.writer import elastic
from kcsim.kubectl.flags import parse
from kcsim.kubectl.layout import columns

WRONG = [
    ("aply -f x", 'unknown command "aply" for "kubectl"\n\nDid you mean this?\n\tapply'),
    (
        "exec web -- sh",
        (
            "kcsim does not model 'kubectl exec': no real programs run inside its containers; "
            "'kubectl logs' and 'kubectl describe pod' show what they do"
        ),
    ),
    ("get pods --follow", "unknown flag: --follow"),
    ("get pods --namspace x", "unknown flag: --namspace (did you mean --namespace?)"),
    ("get pods -z", "unknown shorthand flag: 'z' in -z"),
    ("get pods -n", "flag needs an argument: --namespace"),
    ("get 'pods", "cannot read the command line: No closing quotation"),
    ("", "no kubectl command given"),
]


@pytest.mark.parametrize(("line", "said"), WRONG, ids=[line or "(nothing)" for line, _ in WRONG])
def test_a_wrong_command_line_is_found_before_it_is_run(line, said):
    assert check(line) == said


def test_a_right_one_is_not_complained_about():
    assert check("kubectl -n shop get deploy/web -o wide") is None


def test_flags_are_read_in_every_spelling():
    arguments = parse(["get", "pods", "-nshop", "--selector=a=b", "-o", "wide", "--show-labels", "--", "-x"])
    assert arguments.words == ["get", "pods"]
    assert arguments.command == ["-x"]
    assert (arguments.get("namespace"), arguments.get("selector"), arguments.get("output")) == (
        "shop",
        "a=b",
        "wide",
    )
    assert arguments.on("show-labels")


def test_an_unreachable_server_is_told_as_kubectl_tells_it(sim):
    sim.cluster().endpoint.set_serving(False)
    client = sim.cluster().client(sim.cluster().admin.user, sim.cluster().control_plane)
    outcome = run_now(sim.engine, kubectl(client, "get pods"))
    assert outcome.exit_code == 1
    assert outcome.stderr == (
        f"Unable to connect to the server: dial tcp {client.endpoint.host}:6443: connect: connection refused\n"
    )


def test_columns_are_three_blanks_apart_and_at_least_six_wide():
    assert columns([["A", "B"], ["longer", "x"]]) == "A        B\nlonger   x\n"
    assert columns([["A", "B"]]) == "A     B\n"


def test_described_columns_reach_over_the_lines_that_have_them():
    assert elastic("a:\tb\nlonger:\tc\nplain\nd:\te\n") == "a:       b\nlonger:  c\nplain\nd:  e\n"
