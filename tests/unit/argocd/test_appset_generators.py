"""ApplicationSets: generators, templates, and what is asked of the world."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from kcsim.delivery.gitops.argocd.appset import asks
from kcsim.delivery.gitops.argocd.appset.asks import (
    Answers,
    Directories,
    Files,
    PullRequest,
    PullRequests,
    Wanted,
)
from kcsim.delivery.gitops.argocd.appset.generators import (
    GIT_REQUEUE,
    PULL_REQUEST_REQUEUE,
    GeneratorError,
    Set,
    flattened,
    requeue_after,
    transform,
)
from kcsim.delivery.gitops.argocd.appset.names import sanitized, slug
from kcsim.delivery.gitops.argocd.appset.render import MissingKeyError, Renderer, RenderError
from kcsim.delivery.gitops.argocd.appset.template import generate, merged
from kcsim.engine.clock import seconds

Obj = dict[str, Any]
URL = "https://git.example/team/apps"


def params(generator: Obj, answers: Answers | None = None, *, go: bool = False, **spec: Any) -> list[Obj]:
    """The parameter sets of one generator."""
    owner = Set({"goTemplate": go, **spec}, answers or Answers())
    return [p for part in transform(generator, owner) for p in part.params]


def cluster(name: str, server: str, labels: dict[str, str] | None = None) -> Obj:
    encoded = {k: base64.b64encode(v.encode()).decode() for k, v in (("name", name), ("server", server))}
    marked = {"argocd.argoproj.io/secret-type": "cluster", **(labels or {})}
    return {"kind": "Secret", "metadata": {"name": f"c-{name}", "labels": marked}, "data": encoded}


# --- list and clusters --------------------------------------------------------------------------------------------


def test_list_elements_are_passed_on() -> None:
    spec = {"list": {"elements": [{"cluster": "dev", "values": {"size": "1"}}, {"cluster": "prod"}]}}
    assert params(spec) == [{"cluster": "dev", "values.size": "1"}, {"cluster": "prod"}]
    assert params(spec, go=True) == [{"cluster": "dev", "values": {"size": "1"}}, {"cluster": "prod"}]


def test_plain_parameters_are_texts() -> None:
    with pytest.raises(GeneratorError, match="error parsing value as string"):
        params({"list": {"elements": [{"replicas": 3}]}})
    assert params({"list": {"elements": [{"replicas": 3}]}}, go=True) == [{"replicas": 3}]


def test_elements_can_be_written_as_yaml() -> None:
    assert params({"list": {"elementsYaml": "- a: one\n- a: two\n"}}) == [{"a": "one"}, {"a": "two"}]
    with pytest.raises(GeneratorError, match="error unmarshling decoded ElementsYaml"):
        params({"list": {"elementsYaml": "a: [unclosed"}})


def test_clusters_are_secrets_and_the_one_argo_cd_runs_in() -> None:
    known = Answers([cluster("prod", "https://prod", {"env": "prod"}), cluster("dev_1", "https://dev")])
    found = params({"clusters": {}}, known)
    assert [p["name"] for p in found] == ["dev_1", "prod", "in-cluster"]
    assert found[0]["nameNormalized"] == "dev-1"
    assert found[1]["metadata.labels.env"] == "prod"
    assert found[2]["server"] == "https://kubernetes.default.svc"


def test_a_selector_leaves_the_local_cluster_out_as_it_has_no_labels() -> None:
    known = Answers(
        [cluster("prod", "https://prod", {"env": "prod"}), cluster("dev", "https://dev", {"env": "dev"})]
    )
    found = params({"clusters": {"selector": {"matchLabels": {"env": "prod"}}}}, known, go=True)
    assert [p["name"] for p in found] == ["prod"]
    assert found[0]["metadata"]["labels"]["env"] == "prod"
    expressions = [{"key": "env", "operator": "NotIn", "values": ["prod"]}]
    assert [
        p["name"] for p in params({"clusters": {"selector": {"matchExpressions": expressions}}}, known)
    ] == ["dev"]


def test_a_secret_for_the_local_cluster_replaces_the_entry_without_one() -> None:
    known = Answers([cluster("here", "https://kubernetes.default.svc")])
    assert [p["name"] for p in params({"clusters": {}}, known)] == ["here"]


def test_values_of_clusters_are_filled_in_and_lists_can_be_flat() -> None:
    known = Answers([cluster("prod", "https://prod")])
    found = params({"clusters": {"values": {"id": "{{name}}-x"}}}, known)
    assert [p["values.id"] for p in found] == ["prod-x", "in-cluster-x"]
    flat = params({"clusters": {"flatList": True}}, known, go=True)
    assert [c["name"] for c in flat[0]["clusters"]] == ["prod", "in-cluster"]


# --- git ----------------------------------------------------------------------------------------------------------


def git(**spec: Any) -> Obj:
    return {"git": {"repoURL": URL, "revision": "main", **spec}}


PATHS = ["apps", "apps/one", "apps/two", "apps/two/deep", "old", "old/three"]


def test_what_is_not_known_is_asked_for_and_then_found() -> None:
    generator = git(directories=[{"path": "apps/*"}])
    with pytest.raises(Wanted) as wanted:
        params(generator)
    assert wanted.value.ask == Directories(URL, "main", "")
    found = params(generator, Answers(given={wanted.value.ask: PATHS}))
    assert [p["path"] for p in found] == ["apps/one", "apps/two"]
    assert found[0] == {
        "path": "apps/one",
        "path.basename": "one",
        "path.basenameNormalized": "one",
        "path[0]": "apps",
        "path[1]": "one",
    }


def test_an_excluded_directory_stays_out_whatever_includes_it() -> None:
    answers = Answers(given={Directories(URL, "main", ""): PATHS})
    rules = [{"path": "apps/two", "exclude": True}, {"path": "apps/*"}, {"path": "*/*"}]
    found = params(git(directories=rules), answers, go=True)
    assert [p["path"]["path"] for p in found] == ["apps/one", "old/three"]
    assert found[0]["path"]["segments"] == ["apps", "one"]


def test_a_prefix_keeps_two_paths_apart() -> None:
    answers = Answers(given={Directories(URL, "main", ""): PATHS})
    found = params(git(directories=[{"path": "old/*"}], pathParamPrefix="app"), answers)
    assert found[0]["app.path.basename"] == "three"
    nested = params(git(directories=[{"path": "old/*"}], pathParamPrefix="app"), answers, go=True)
    assert nested[0]["app"]["path"]["path"] == "old/three"


def test_files_give_their_content_and_their_place() -> None:
    ask = Files(URL, "main", "", "clusters/*/config.json")
    files = {
        "clusters/b/config.json": '[{"name": "b1"}, {"name": "b2"}]',
        "clusters/a/config.json": '{"name": "a", "size": {"cpu": 2}}',
    }
    answers = Answers(given={ask: files})
    generator = git(files=[{"path": "clusters/*/config.json"}])
    plain = params(generator, answers)
    assert [p["name"] for p in plain] == ["a", "b1", "b2"]
    assert plain[0]["size.cpu"] == "2"
    assert plain[0]["path"] == "clusters/a"
    assert plain[0]["path.filename"] == "config.json"
    assert params(generator, answers, go=True)[0]["size"]["cpu"] == 2


def test_excluded_files_are_taken_out_whatever_their_place_in_the_list() -> None:
    answers = Answers(
        given={
            Files(URL, "main", "", "a/b.yaml"): {"a/b.yaml": "x: 1"},
            Files(URL, "main", "", "a/*"): {"a/b.yaml": "x: 1", "a/c.yaml": "x: 2"},
        }
    )
    found = params(git(files=[{"path": "a/b.yaml", "exclude": True}, {"path": "a/*"}]), answers)
    assert [p["x"] for p in found] == ["2"]


def test_a_file_that_cannot_be_read_names_file_and_repository() -> None:
    answers = Answers(given={Files(URL, "main", "", "a"): {"a": "just text"}})
    with pytest.raises(GeneratorError, match=f"unable to process file 'a' from repository '{URL}'"):
        params(git(files=[{"path": "a"}]), answers)


def test_a_git_host_that_does_not_answer_is_an_error_of_the_generator() -> None:
    ask = Directories(URL, "main", "")
    with pytest.raises(GeneratorError, match="error getting directories from repo: connection refused"):
        params(git(directories=[{"path": "*"}]), Answers(failed={ask: "connection refused"}))


def test_directories_are_those_of_files_without_hidden_ones() -> None:
    files = ["a/b/c.yaml", "a/x.yaml", ".github/w.yaml", "a/.hidden/y.yaml", "top.yaml"]
    assert asks.directories_of(files) == ["a", "a/b"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("apps/*/config.json", ["apps/a/config.json", "apps/a/b/config.json"]),
        ("apps", ["apps/a/config.json", "apps/a/b/config.json", "apps/x.txt"]),
        ("**/config.json", ["apps/a/config.json", "apps/a/b/config.json"]),
        ("apps/?.txt", ["apps/x.txt"]),
        ("apps/[!y].txt", ["apps/x.txt"]),
        ("nothing", []),
    ],
)
def test_patterns_of_files_are_those_of_git(pattern: str, found: list[str]) -> None:
    files = dict.fromkeys(["apps/a/config.json", "apps/a/b/config.json", "apps/x.txt"], "")
    assert list(asks.files_matching(pattern, files)) == found


# --- merge requests, matrix and merge -----------------------------------------------------------------------------


def test_merge_requests_become_parameters() -> None:
    provider = {"owner": "team", "repo": "apps"}
    ask = PullRequests("github", json.dumps(provider, sort_keys=True))
    pulls = [
        PullRequest(7, "Add it", "feature/New_Thing!", "main", "0123456789abcdef", "ada", ("preview",)),
        PullRequest(8, "Fix", "fix", "release", "f" * 40, "bob"),
    ]
    generator = {"pullRequest": {"github": provider, "filters": [{"targetBranchMatch": "^main$"}]}}
    (found,) = params(generator, Answers(given={ask: pulls}))
    assert (found["number"], found["branch_slug"], found["head_short_sha"]) == (
        "7",
        "feature-new-thing",
        "01234567",
    )
    assert found["head_short_sha_7"] == "0123456"
    assert "labels" not in found
    assert params(generator, Answers(given={ask: pulls}), go=True)[0]["labels"] == ["preview"]


def test_a_matrix_is_every_combination_and_the_second_can_use_the_first() -> None:
    one = {"list": {"elements": [{"env": "dev"}, {"env": "prod"}]}}
    two = {"list": {"elements": [{"app": "{{env}}-web"}, {"app": "{{env}}-api"}]}}
    found = params({"matrix": {"generators": [one, two]}})
    assert [p["app"] for p in found] == ["dev-web", "dev-api", "prod-web", "prod-api"]


def test_a_matrix_refuses_a_key_with_two_values_unless_templates_are_go_s() -> None:
    one, two = {"list": {"elements": [{"a": "1"}]}}, {"list": {"elements": [{"a": "2"}]}}
    with pytest.raises(GeneratorError, match="found duplicate key a with different value, a: 1 ,b: 2"):
        params({"matrix": {"generators": [one, two]}})
    assert params({"matrix": {"generators": [one, two]}}, go=True) == [{"a": "1"}]


@pytest.mark.parametrize(("count", "word"), [(1, "less"), (3, "more")])
def test_a_matrix_has_two_generators(count: int, word: str) -> None:
    inner = [{"list": {"elements": [{"a": "1"}]}}] * count
    with pytest.raises(GeneratorError, match=f"found {word} than two generators"):
        params({"matrix": {"generators": inner}})


def test_merge_joins_by_keys_and_the_later_one_overrides() -> None:
    base = {"list": {"elements": [{"id": "a", "size": "1"}, {"id": "b", "size": "1"}]}}
    over = {"list": {"elements": [{"id": "b", "size": "9", "extra": "x"}, {"id": "c", "size": "5"}]}}
    found = params({"merge": {"mergeKeys": ["id"], "generators": [base, over]}})
    assert found == [{"id": "a", "size": "1"}, {"id": "b", "size": "9", "extra": "x"}]


def test_merge_wants_keys_and_no_two_sets_with_the_same() -> None:
    twice = {"list": {"elements": [{"id": "a"}, {"id": "a"}]}}
    with pytest.raises(GeneratorError, match="no merge keys were specified"):
        params({"merge": {"generators": [twice, twice]}})
    with pytest.raises(GeneratorError, match=r"Duplicate key was \{.id.:.a.\}"):
        params({"merge": {"mergeKeys": ["id"], "generators": [twice, twice]}})


def test_a_selector_filters_what_a_generator_gave() -> None:
    generator = {
        "list": {
            "elements": [{"env": "dev", "server": "https://a:443"}, {"env": "prod", "server": "https://b"}]
        },
        "selector": {"matchLabels": {"server": "https://a:443"}},
    }
    assert [p["env"] for p in params(generator)] == ["dev"]


def test_a_generator_that_is_not_modelled_is_refused_by_name() -> None:
    with pytest.raises(GeneratorError, match="generator 'plugin' is not modelled by kcsim"):
        params({"plugin": {}})


def test_when_a_generator_wants_to_be_asked_again() -> None:
    assert requeue_after({"list": {}}) == requeue_after({"clusters": {}}) == 0
    assert requeue_after(git()) == GIT_REQUEUE
    assert requeue_after({"pullRequest": {}}) == PULL_REQUEST_REQUEUE
    inner = [{"list": {}}, git(requeueAfterSeconds=20), {"pullRequest": {}}]
    assert requeue_after({"merge": {"generators": inner}}) == seconds("20s")


def test_parameters_are_flattened_for_selectors() -> None:
    assert flattened({"a": {"b": 1, "c": [True, None]}}) == {"a.b": "1", "a.c.0": "true", "a.c.1": "<nil>"}


# --- templates ----------------------------------------------------------------------------------------------------


def test_plain_templates_replace_known_names_and_leave_the_others() -> None:
    fill = Renderer().text
    assert fill("{{ a }}-{{b}}-{{a.b}}", {"a": "1", "a.b": "2"}) == "1-{{b}}-2"
    assert fill("no template", {}) == "no template"
    with pytest.raises(RenderError, match="Cannot find end tag"):
        fill("{{a}} {{b", {"a": "1"})


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ .path.basename }}", "one"),
        ("{{ .path.basename | upper | quote }}", '"ONE"'),
        ("{{ index .path.segments 1 }}", "one"),
        ('{{ if eq .env "prod" }}big{{ else }}small{{ end }}', "small"),
        ('{{ default "none" .nothing }}', "none"),
        ('{{ dig "a" "b" "none" .nested }}', "deep"),
        ("{{ .nothing }}", "<no value>"),
        ("{{ normalize .branch }}", "feature-x-y"),
        ("{{ slugify 7 .branch }}", "feature"),
        ("{{ toJson .nested }}", '{"a":{"b":"deep"}}'),
        ("{{ .nested | toYaml }}", "a:\n  b: deep"),
        ('{{ trunc 3 .branch }}{{ hasPrefix "Fea" .branch }}', "Featrue"),
        ("{{ range $i, $s := .path.segments }}{{ $i }}{{ $s }}{{ end }}", "0apps1one"),
        ("plain", "plain"),
    ],
)
def test_go_templates(template: str, text: str) -> None:
    data = {
        "env": "dev",
        "branch": "Feature/X_Y",
        "path": {"basename": "one", "segments": ["apps", "one"]},
        "nested": {"a": {"b": "deep"}},
    }
    assert Renderer(go_template=True).text(template, data) == text


def test_a_missing_key_is_an_error_only_when_asked_for() -> None:
    strict = Renderer(True, ("missingkey=error",))
    with pytest.raises(MissingKeyError, match='map has no entry for key "b"'):
        strict.text("{{ .a.b }}", {"a": {}})
    assert strict.text('{{ index .a "b" | default "x" }}', {"a": {}}) == "x"
    with pytest.raises(RenderError, match="unrecognized option: missingkey=odd"):
        Renderer(True, ("missingkey=odd",)).text("{{ .a }}", {})


def test_a_template_that_cannot_be_read_or_run_says_so() -> None:
    go = Renderer(go_template=True)
    with pytest.raises(RenderError, match=r"failed to parse template .* function .env. not defined"):
        go.text('{{ env "HOME" }}', {})
    with pytest.raises(RenderError, match="failed to execute go template"):
        go.text('{{ fail "no" }}', {})


def test_every_text_and_key_of_a_value_is_filled_in() -> None:
    value = {"{{a}}": ["{{a}}", {"b": "{{a}}", "n": 3}], "none": None}
    assert Renderer().deep(value, {"a": "x"}) == {"x": ["x", {"b": "x", "n": 3}]}


def test_values_of_an_inner_generator_wait_for_its_own_parameters() -> None:
    go = Renderer(go_template=True)
    spec = {
        "clusters": {
            "values": {"a": "{{ .outer }}", "b": "{{ .name }}"},
            "selector": {"matchLabels": {"x": "{{ .outer }}"}},
        }
    }
    made = go.generator(spec, {"outer": "1"})["clusters"]
    assert made["values"] == {"a": "1", "b": "{{ .name }}"}
    assert made["selector"] == {"matchLabels": {"x": "1"}}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Feature/Äpfel & Birnen", "feature-apfel-and-birnen"),
        ("a" * 60, "a" * 50),
        ("one-two-three", "one-two-three"),
        ("__x__", "x"),
    ],
)
def test_slugs(text: str, made: str) -> None:
    assert slug(text) == made


def test_slugs_are_cut_between_words() -> None:
    assert slug("one-two-three", 9) == "one-two"
    assert slug("one-two-three", 9, smart=False) == "one-two-t"
    assert sanitized("Über_cool.") == "ber-cool"


# --- Applications -------------------------------------------------------------------------------------------------


def appset(elements: list[Obj], template: Obj | None = None, **spec: Any) -> Obj:
    base = {
        "metadata": {"name": "web-{{env}}", "labels": {"env": "{{env}}"}},
        "spec": {
            "project": "default",
            "source": {"repoURL": URL, "path": "apps/{{env}}", "targetRevision": "main"},
            "destination": {"name": "in-cluster", "namespace": "{{env}}"},
        },
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": "web", "namespace": "argocd", "uid": "set"},
        "spec": {"generators": [{"list": {"elements": elements}}], "template": template or base, **spec},
    }


def test_an_application_is_the_template_filled_in() -> None:
    (app,) = generate(appset([{"env": "dev"}]), Answers()).applications
    assert app["metadata"] == {
        "name": "web-dev",
        "namespace": "argocd",
        "labels": {"env": "dev"},
        "finalizers": ["resources-finalizer.argocd.argoproj.io"],
    }
    assert app["spec"]["source"]["path"] == "apps/dev"


def test_preserving_resources_leaves_the_finalizer_off() -> None:
    kept = appset([{"env": "dev"}], syncPolicy={"preserveResourcesOnDeletion": True})
    (app,) = generate(kept, Answers()).applications
    assert "finalizers" not in app["metadata"]


def test_a_generator_s_template_wins_over_that_of_the_set() -> None:
    own = {"metadata": {"name": "own"}, "spec": {"source": {"path": "other"}, "project": ""}}
    base = {
        "metadata": {"name": "base", "labels": {"a": "b"}},
        "spec": {"source": {"path": "p", "repoURL": "u"}, "project": "x"},
    }
    assert merged(own, base) == {
        "metadata": {"name": "own", "labels": {"a": "b"}},
        "spec": {"source": {"path": "other", "repoURL": "u"}, "project": "x"},
    }


def test_a_patch_changes_all_but_the_project() -> None:
    patch = "metadata:\n  finalizers: [mine]\nspec:\n  project: stolen\n  syncPolicy:\n    automated: {}\n"
    (app,) = generate(appset([{"env": "dev"}], templatePatch=patch), Answers()).applications
    assert app["spec"]["project"] == "default"
    assert app["spec"]["syncPolicy"] == {"automated": {}}
    assert app["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io", "mine"]


@pytest.mark.parametrize(
    ("patch", "words"),
    [("a: [", "error while converting template to json"), ("just text", "invalid templatePatch")],
)
def test_a_patch_that_is_none_is_an_error(patch: str, words: str) -> None:
    found = generate(appset([{"env": "dev"}], templatePatch=patch), Answers())
    assert words in found.error
    assert found.reason == "RenderTemplateParamsError"


def test_an_error_of_one_generator_does_not_hide_the_applications_of_another() -> None:
    broken = appset([{"env": "dev"}])
    broken["spec"]["generators"].insert(0, {"matrix": {"generators": []}})
    found = generate(broken, Answers())
    assert [a["metadata"]["name"] for a in found.applications] == ["web-dev"]
    assert found.reason == "ApplicationGenerationFromParamsError"
    assert "found less than two generators" in found.error
