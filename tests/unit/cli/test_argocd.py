"""``kcsim argocd``: argocd's commands, typed into the world of a story."""


def test_a_command_is_typed_at_an_instant(kcsim):
    said = kcsim("argocd", "--scenario", "drift-at-night", "--at", "5m", "--", "app", "list")
    assert said.code == 0
    assert said.out.splitlines()[1].split()[:2] == ["argocd/shop", "https://kubernetes.default.svc"]


def test_exit_codes_are_argocds(kcsim):
    said = kcsim("argocd", "--scenario", "drift-at-night", "--at", "5m", "--", "app", "rollback", "shop", "0")
    assert said.code == 20
    assert "rollback cannot be initiated when auto-sync is enabled" in said.err


def test_a_line_that_cannot_be_run_is_refused_before_the_world_is_played(kcsim):
    said = kcsim("argocd", "--scenario", "drift-at-night", "--", "app", "lst")
    assert said.code == 2
    assert "Did you mean this? list" in said.err


def test_a_world_without_argo_cd_says_which_has_it(kcsim):
    said = kcsim("argocd", "--scenario", "drift-at-night", "-d", "push", "--at", "1m", "--", "app", "list")
    assert said.code == 2
    assert "--delivery argocd" in said.err
