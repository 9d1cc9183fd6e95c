"""``kcsim flux``: flux's commands, typed into the world of a story."""

import pytest

AT = ("flux", "--scenario", "drift-at-night", "--at", "25m", "--")


def test_a_command_is_typed_at_an_instant(kcsim):
    said = kcsim(*AT, "get", "kustomizations")
    assert said.code == 0
    header, row = said.out.splitlines()
    assert header.split() == ["NAME", "REVISION", "SUSPENDED", "READY", "MESSAGE"]
    assert row.split()[0] == "shop"
    assert "Applied revision: main@sha1:" in row


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("reconcile kustomization shop --with-source", "✔ applied revision main@sha1:"),
        ("suspend kustomization shop", "✔ kustomization suspended"),
        ("resume kustomization shop", "✔ kustomization resumed"),
        ("trace deployment/web -n shop", "Managed by Flux"),
        ("tree kustomization shop", "Deployment/shop/web"),
        ("events --for Kustomization/shop", "ReconciliationSucceeded"),
        ("get all", "gitrepository/shop"),
    ],
)
def test_every_verb_works_in_a_story(kcsim, words, told):
    said = kcsim(*AT, *words.split())
    assert said.code == 0, said.err
    assert told in said.out + said.err


def test_a_folder_on_disk_is_compared_with_the_cluster(kcsim, tmp_path):
    (tmp_path / "settings.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra, namespace: shop}\ndata: {a: b}\n"
    )
    said = kcsim(*AT, "diff", "kustomization", "shop", "--path", str(tmp_path))
    assert said.code == 1
    assert "► ConfigMap/shop/extra created" in said.out + said.err


def test_without_such_a_folder_the_storys_own_commit_is_compared(kcsim):
    said = kcsim(*AT, "diff", "kustomization", "shop", "--path", "deploy")
    assert said.code in {0, 1}
    assert "created" not in said.out


def test_exit_codes_are_fluxs(kcsim):
    said = kcsim(*AT, "reconcile", "kustomization", "other")
    assert said.code == 1
    assert "✗" in said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("gte kustomizations", 'unknown command "gte"'),
        ("gte kustomizations", "Did you mean this? get"),
        ("frobnicate", "flux has here: diff, events, get"),
        ("bootstrap github", "flux has here: diff, events, get"),
        ("get kustomizations --watch", "does not model --watch"),
    ],
)
def test_a_line_that_cannot_be_run_is_refused_before_the_world_is_played(kcsim, words, told):
    said = kcsim("flux", "--scenario", "drift-at-night", "--", *words.split())
    assert said.code == 2
    assert told in said.err


def test_a_world_without_flux_says_which_has_it(kcsim):
    said = kcsim("flux", "--scenario", "drift-at-night", "-d", "push", "--at", "1m", "--", "get", "all")
    assert said.code == 2
    assert "--delivery flux" in said.err


def test_a_cluster_that_is_not_there(kcsim):
    said = kcsim(
        "flux", "--scenario", "drift-at-night", "--cluster", "nope", "--at", "1m", "--", "get", "all"
    )
    assert said.code == 2
    assert "there is no cluster 'nope'" in said.err
