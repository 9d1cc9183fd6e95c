"""The flags of flux and argocd: each is taken, refused by name because it is not modelled, or unknown to its command."""

from __future__ import annotations

import pytest

from kcsim.delivery.gitops.argocd.cli import command as argocd
from kcsim.delivery.gitops.argocd.cli.flags import FLAGS as ARGOCD
from kcsim.delivery.gitops.flux.cli import command as flux
from kcsim.delivery.gitops.flux.cli.flags import FLAGS as FLUX
from kcsim.delivery.gitops.pflags import FlagError

KINDS = {
    "diff": "diff ks x",
    "get": "get ks",
    "push": "push artifact x",
    "reconcile": "reconcile ks x",
    "tree": "tree ks x",
}
KINDS |= {"resume": "resume ks x", "suspend": "suspend ks x"}


def lines(dialect):
    """Every command with every flag there is: (command line, flag, what is to become of it)."""
    for command, own in dialect.commands.items():
        line = KINDS.get(command, command) if dialect is FLUX else command
        absent = dialect.absent[""] | dialect.absent.get(command, frozenset())
        for name in sorted(dialect.names):
            fate = "taken" if name in own | dialect.everywhere else "absent" if name in absent else "unknown"
            yield f"{line} --{name}{'' if name in dialect.switches else ' 1'}", name, fate


@pytest.mark.parametrize(("dialect", "program"), [(FLUX, flux), (ARGOCD, argocd)], ids=["flux", "argocd"])
def test_every_flag_of_every_command_is_taken_or_refused_by_name(dialect, program):
    fates = set()
    for line, name, fate in lines(dialect):
        told = program.check(line)
        fates.add(fate)
        if fate == "taken":
            assert told is None, line
        elif fate == "absent":
            assert told.startswith(f"kcsim does not model --{name} of '"), line
        else:
            assert told.startswith(f"unknown flag: --{name}"), line
    assert fates == {"taken", "absent", "unknown"}


@pytest.mark.parametrize("dialect", [FLUX, ARGOCD], ids=["flux", "argocd"])
def test_no_flag_is_taken_and_refused_at_once(dialect):
    for command, own in dialect.commands.items():
        assert not (own | dialect.everywhere) & (
            dialect.absent[""] | dialect.absent.get(command, frozenset())
        )
    assert set(dialect.short.values()) <= dialect.names
    assert dialect.switches <= dialect.names


def test_the_forms_of_a_flag():
    for line in ("-n shop", "-nshop", "-n=shop", "--namespace shop", "--namespace=shop"):
        assert FLUX.parse(["get", *line.split()]).get("namespace") == "shop"
    both = FLUX.parse(["get", "--no-header", "ks", "--no-header=false"])
    assert (both.words, both.on("no-header"), both.all("no-header")) == (
        ["get", "ks"],
        False,
        ["true", "false"],
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("get -x", "unknown shorthand flag: 'x' in -x"),
        ("get --namespace", "flag needs an argument: --namespace"),
        ("get --namespaec x", "unknown flag: --namespaec (did you mean --namespace?)"),
    ],
)
def test_what_cannot_be_read(line, told):
    with pytest.raises(FlagError) as caught:
        FLUX.parse(line.split())
    assert str(caught.value) == told
