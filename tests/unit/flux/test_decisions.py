"""The decisions of Flux's controllers as tables: refs, versions, ignore rules, variables, builds, drift, waiting."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcsim.api.status import StatusError
from kcsim.delivery.gitops.flux import build, dependencies, git_source, ignore, options, toolkit, versions
from kcsim.delivery.gitops.flux.git_source import Wanted
from kcsim.delivery.gitops.flux.kustomization_plan import health_refs, upserted
from kcsim.delivery.gitops.flux.ssa import drift, health
from kcsim.delivery.gitops.flux.ssa.drift import Change, FieldManager, Options
from kcsim.delivery.gitops.flux.ssa.health import Standing
from kcsim.delivery.gitops.flux.substitute import SubstitutionError, substitute
from kcsim.delivery.gitops.inventory import ObjectRef
from kcsim.engine.clock import MILLISECOND, MINUTE, SECOND

# --- sources ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ref", "expected", "revision"),
    [
        (None, Wanted("refs/heads/master", "master"), "master@sha1:abc"),
        ({"branch": "main"}, Wanted("refs/heads/main", "main"), "main@sha1:abc"),
        ({"branch": "main", "tag": "v1"}, Wanted("refs/tags/v1", "v1"), "v1@sha1:abc"),
        (
            {"tag": "v1", "name": "refs/pull/1/head"},
            Wanted("refs/pull/1/head", "refs/pull/1/head"),
            "refs/pull/1/head@sha1:abc",
        ),
        ({"commit": "abc", "name": "refs/heads/x"}, Wanted("abc", ""), "sha1:abc"),
        ({"commit": "abc", "branch": "main"}, Wanted("abc", "main"), "main@sha1:abc"),
    ],
)
def test_the_strongest_ref_wins(ref, expected, revision):
    want = git_source.wanted({"spec": {"ref": ref} if ref else {}})
    assert want == expected
    assert git_source.revision(want, "abc") == revision


@pytest.mark.parametrize(
    ("constraint", "best"),
    [
        ("*", "v2.0.0"),
        (">=1.0.0 <2.0.0", "v1.10.0"),
        ("~1.2", "v1.2.9"),
        ("^1.2.0", "v1.10.0"),
        ("^0.1.0", "0.1.5"),
        ("1.2.x", "v1.2.9"),
        ("1.2.0", "v1.2.0"),
        ("1.0.0 - 1.2.5", "v1.2.0"),
        ("<1.0.0 || ~1.2", "v1.2.9"),
        (">=3.0.0-0", "v3.0.0-rc.10"),
        (">=3.0.0", None),
        ("!=2.0.0", "v1.10.0"),
        (">=3.0.0-rc.1", "v3.0.0-rc.10"),
        ("1.x", "v1.10.0"),
        (">1.2", "v2.0.0"),
        (">1.2 <2", "v1.10.0"),
        ("<=1.2", "v1.2.9"),
        (">= 1.0.0, < 1.3.0", "v1.2.9"),
        ("=0.1.5", "0.1.5"),
        ("*-0", "v3.0.0-rc.10"),
    ],
)
def test_ranges_choose_the_highest_tag(constraint, best):
    tags = [
        "v1.2.0",
        "v1.2.9",
        "v1.10.0",
        "v2.0.0",
        "0.1.5",
        "v3.0.0-rc.1",
        "v3.0.0-rc.2",
        "v3.0.0-rc.10",
        "latest",
        "1.2",
    ]
    assert versions.highest(constraint, tags) == best


def test_a_range_that_is_none_is_an_error():
    with pytest.raises(ValueError, match="improper constraint"):
        versions.highest("new", ["v1.0.0"])


@pytest.mark.parametrize(
    ("path", "patterns", "ignored"),
    [
        ("a/b.yaml", ["*.yaml"], True),
        ("a/b.yaml", ["/b.yaml"], False),
        ("a/b.yaml", ["a/"], True),
        ("x/a/b.yaml", ["a/"], True),
        ("a", ["a/"], False),
        ("deploy/web.yaml", ["/*", "!/deploy"], False),
        ("src/main.go", ["/*", "!/deploy"], True),
        ("a/b/c/.sops.yaml", ["**/.sops.yaml"], True),
        (".sops.yaml", ["**/.sops.yaml"], True),
        ("a/b/c", ["a/**/c"], True),
        ("a/c", ["a/**/c"], True),
        ("a/keep.yaml", ["a/", "!a/keep.yaml"], True),
        ("logo.png", ["*.p[mn]g"], True),
        ("ab", ["?b"], True),
    ],
)
def test_gitignore_rules(path, patterns, ignored):
    assert ignore.ignored(path, [ignore.Pattern(p) for p in patterns]) == ignored


def test_what_an_artifact_holds():
    files = dict.fromkeys((".github/ci.yml", "logo.png", "deploy/web.yaml", "src/x.go", ".sourceignore"), b"")
    assert sorted(ignore.packed(files, None)) == [".sourceignore", "deploy/web.yaml", "src/x.go"]
    files[".sourceignore"] = b"# code\nsrc/\n"
    # A file of its own takes the place of the defaults.
    assert sorted(ignore.packed(files, None)) == [
        ".github/ci.yml",
        ".sourceignore",
        "deploy/web.yaml",
        "logo.png",
    ]
    assert sorted(ignore.packed(files, "/*\n!/deploy\n")) == ["deploy/web.yaml"]
    assert sorted(ignore.packed(files | {".git/config": b""}, "")) == sorted(ignore.packed(files, None))
    assert sorted(git_source.sparse(files, ["./deploy"])) == [".sourceignore", "deploy/web.yaml", "logo.png"]


def test_patterns_of_a_directory_hold_below_it():
    files = dict.fromkeys(("a/x.md", "a/deep/y.md", "b/x.md", "a/keep.md"), b"") | {
        "a/.sourceignore": b"*.md\n!keep.md\n"
    }
    assert sorted(ignore.packed(files, None)) == ["a/.sourceignore", "a/keep.md", "b/x.md"]
    assert "b/x.md" not in ignore.packed(files, "*.md")


# --- variables --------------------------------------------------------------------------------------------------

KNOWN = {"a": "value", "empty": "", "n": "12"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("x ${a} y", "x value y"),
        ("$a $$ $", "$a $$ $"),
        ("$${a} ${a}", "${a} value"),
        ("${b:=d}", "d"),
        ("${b:-d}", "d"),
        ("${empty:=d}", "d"),
        ("${empty=d}", ""),
        ("${b:=${a}}", "value"),
        ("${a:1}", "alue"),
        ("${a:1:2}", "al"),
        ("${a/l/L}", "vaLue"),
        ("${a//e/E}", "valuE"),
        ("${a^}${a^^}", "ValueVALUE"),
        ("${#a}", "5"),
        ("${a#va}", "lue"),
        ("${a%ue}", "val"),
    ],
)
def test_substitution(text, result):
    assert substitute(text, KNOWN) == result


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("${b}", "variable not set \\(strict mode\\): b"),
        ("${a", "missing closing brace"),
        ("${1}", "unable to parse variable name"),
        ("${a!}", "unknown operation"),
        ("${a:x}", "bad substring"),
    ],
)
def test_substitutions_that_fail(text, error):
    with pytest.raises(SubstitutionError, match=error):
        substitute(text, KNOWN)


@given(st.text(alphabet="ab ${}:=-/#%^,\n'\"", max_size=30))
def test_substitution_ends_in_a_text_or_its_own_error(text):
    with contextlib.suppress(SubstitutionError):
        assert isinstance(substitute(text, KNOWN), str)


# --- builds -----------------------------------------------------------------------------------------------------

CM = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
KUSTOMIZATION = {"metadata": {"name": "k", "namespace": "n"}, "spec": {}}


def test_a_kustomization_is_generated_from_what_lies_there():
    files = {
        "x/a.yaml": CM,
        "x/b/c.yml": CM,
        "x/own/kustomization.yaml": b"resources: [deep/d.yaml]\n",
        "x/own/deep/d.yaml": CM,
        "x/readme.md": b"",
        "y/e.yaml": CM,
    }
    assert build.scan("x", files) == ["a.yaml", "b/c.yml", "own"]
    assert build.scan(".", files)[-1] == "y/e.yaml"


def test_files_that_hold_no_objects_fail_the_generation():
    with pytest.raises(build.BuildFailed, match=r"failed to decode Kubernetes YAML from x/values\.yaml"):
        build.built({**KUSTOMIZATION, "spec": {"path": "x"}}, {"x/values.yaml": b"replicas: 3\n"}, {})


def test_an_existing_but_empty_path_is_no_objects_at_all():
    assert build.built({**KUSTOMIZATION, "spec": {"path": "./x"}}, {"x/readme.md": b""}, {}) == []
    with pytest.raises(build.PathNotFound):
        build.built({**KUSTOMIZATION, "spec": {"path": "./y"}}, {"x/readme.md": b""}, {})


def test_a_kustomization_without_decryption_or_metadata_of_builds():
    decrypted = {**KUSTOMIZATION, "spec": {"decryption": {"provider": "sops"}}}
    assert [o["kind"] for o in build.built(decrypted, {"a.yaml": CM}, {})] == ["ConfigMap"]
    with pytest.raises(build.BuildFailed, match=r"^ConfigMap/.* is encrypted with SOPS"):
        build.built(decrypted, {"a.yaml": CM + b"sops: {version: 3.9.0}\n"}, {})
    with pytest.raises(build.BuildFailed, match=r"spec\.buildMetadata"):
        build.built({**KUSTOMIZATION, "spec": {"buildMetadata": ["originAnnotations"]}}, {"a.yaml": CM}, {})


def test_images_of_the_spec_win_over_those_of_the_file():
    files = {
        "kustomization.yaml": b"resources: [a.yaml]\nimages: [{name: web, newTag: '1', newName: w}]\n",
        "a.yaml": (
            b"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: web}]}\n"
        ),
    }
    spec = {"images": [{"name": "web", "digest": "sha256:abc"}]}
    (pod,) = build.built({**KUSTOMIZATION, "spec": spec}, files, {})
    assert pod["spec"]["containers"][0]["image"] == "w@sha256:abc"


def test_secrets_are_encoded_before_they_are_applied():
    text = b"apiVersion: v1\nkind: Secret\nmetadata: {name: s, creationTimestamp: null}\nstringData: {a: b}\n"
    (secret,) = build.built(KUSTOMIZATION, {"s.yaml": text}, {})
    assert secret["data"] == {"a": "Yg=="}
    assert "stringData" not in secret
    assert "creationTimestamp" not in secret["metadata"]


# --- apply ------------------------------------------------------------------------------------------------------


def made(**more):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n", **more}}


@pytest.mark.parametrize(
    ("live", "dry_run", "drifted"),
    [
        (made(), made(), False),
        (made(resourceVersion="1"), made(generation=3), False),
        (made(labels={"a": "1"}), made(), True),
        (made(), made(annotations={"a": "1"}), True),
        ({**made(), "status": {"x": 1}}, made(), False),
        ({**made(), "data": {"a": "1"}}, {**made(), "data": {"a": "2"}}, True),
        ({**made(), "data": {}}, made(), False),
        (None, made(), True),
    ],
)
def test_drift(live, dry_run, drifted):
    assert drift.has_drifted(live, dry_run) == drifted


@pytest.mark.parametrize(
    ("error", "immutable"),
    [
        (StatusError(422, "Invalid", "anything"), True),
        (StatusError(409, "Conflict", "anything"), True),
        (StatusError(400, "BadRequest", "spec.x is immutable"), True),
        (StatusError(403, "Forbidden", "no"), False),
    ],
)
def test_what_counts_as_immutable(error, immutable):
    assert drift.is_immutable(error) == immutable
    assert drift.recreates(made(), made(), error, Options("m", force=True)) == immutable
    assert not drift.recreates(made(), None, error, Options("m", force=True))
    assert not drift.recreates(made(), made(), error, Options("m"))


def entry(manager, operation, *fields, subresource=""):
    owned = {"f:data": {f"f:{f}": {} for f in fields}}
    more = {"subresource": subresource} if subresource else {}
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": owned,
        **more,
    }


def test_taking_over_merges_into_our_own_entry():
    managers = (FieldManager("kubectl", "Update"), FieldManager("kubectl", "Apply"))
    ours, theirs = entry("us", "Apply", "a"), entry("kubectl-edit", "Update", "b")
    scaled, other = entry("kubectl", "Update", "c", subresource="scale"), entry("hpa", "Update", "d")
    taken = drift.taken_over([ours, theirs, scaled, other], managers, "us")
    assert taken == [scaled, other, entry("us", "Apply", "a", "b")]
    assert drift.taken_over([theirs], managers, "us") == [entry("us", "Apply", "b")]
    assert drift.taken_over([ours, scaled, other], managers, "us") is None


@pytest.mark.parametrize(
    ("statuses", "fail_fast", "over"),
    [
        ("Current Current", True, True),
        ("Current InProgress", True, False),
        ("Failed InProgress", True, True),
        ("Failed InProgress", False, False),
        ("Failed Current", False, True),
        ("NotFound Current", True, False),
    ],
)
def test_when_waiting_is_over(statuses, fail_fast, over):
    standings = [Standing(f"Kind/{i}", word) for i, word in enumerate(statuses.split())]
    assert health.is_over(standings, fail_fast=fail_fast) == over


def test_complaints():
    standings = [
        Standing("A/a", "Current"),
        Standing("B/b", "Failed"),
        Standing("C/c", "Unknown", "no answer"),
    ]
    assert (
        health.complaint(standings, timed_out=False)
        == "failed early due to stalled resources: [B/b status: 'Failed']"
    )
    assert health.complaint(standings, timed_out=True) == (
        "timeout waiting for: [B/b status: 'Failed', C/c status: 'Unknown': no answer]"
    )
    assert health.complaint(standings[:1], timed_out=True) == ""


def test_what_is_waited_for():
    changes = [
        Change(ObjectRef("n", "a", "", "ConfigMap", "v1"), "created"),
        Change(ObjectRef("n", "b", "", "ConfigMap", "v1"), "skipped"),
        Change(ObjectRef("n", "k", "kustomize.toolkit.fluxcd.io", "Kustomization", "v1"), "unchanged"),
    ]
    wait = {**KUSTOMIZATION, "spec": {"wait": True, "healthChecks": [{"kind": "Job", "name": "x"}]}}
    assert health_refs(wait, changes) == [changes[0].ref]
    listed = {
        **KUSTOMIZATION,
        "spec": {"healthChecks": [{"apiVersion": "batch/v1", "kind": "Job", "name": "x", "namespace": "n"}]},
    }
    assert health_refs(listed, changes) == [ObjectRef("n", "x", "batch", "Job", "v1")]
    assert health_refs(KUSTOMIZATION, changes) is None


# --- the rest ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "timeout", "retry"),
    [
        ({"interval": "10m"}, 9 * MINUTE + 30 * SECOND, 10 * MINUTE),
        ({"interval": "40s"}, 30 * SECOND, 40 * SECOND),
        ({"interval": "10m", "timeout": "5s"}, 30 * SECOND, 10 * MINUTE),
        ({"interval": "10m", "timeout": "2m", "retryInterval": "1m"}, 2 * MINUTE, MINUTE),
    ],
)
def test_defaults_of_times(spec, timeout, retry):
    assert toolkit.kustomization_timeout({"spec": spec}) == timeout
    assert toolkit.retry_interval({"spec": spec}) == retry


def test_back_off_doubles_from_750_ms_to_15_minutes():
    assert [toolkit.backoff(n) // MILLISECOND for n in (0, 1, 2, 10, 11, 99)] == [
        750,
        1500,
        3000,
        768_000,
        900_000,
        900_000,
    ]


@given(st.integers(1, 10**12), st.floats(0, 1, exclude_max=True))
def test_jitter_stays_within_five_percent(interval, draw):
    assert abs(toolkit.jittered(interval, draw) - interval) <= interval * 0.05


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0s"),
        (30 * SECOND, "30s"),
        (90 * SECOND, "1m30s"),
        (3600 * SECOND, "1h0m0s"),
        (1_500_000, "1.5s"),
        (2_500, "2.5ms"),
        (7, "7µs"),
    ],
)
def test_durations_as_go_prints_them(us, text):
    assert toolkit.go_duration(us) == text


def test_dependencies_come_first_and_circles_come_never():
    def k(name, *needs):
        return {
            "metadata": {"name": name, "namespace": "n"},
            "spec": {"dependsOn": [{"name": x} for x in needs]},
        }

    order = dependencies.in_order([k("c", "b"), k("b", "a", "elsewhere"), k("a")])
    assert [name for _, name in order] == ["a", "b", "c"]
    assert dependencies.in_order([k("a", "b"), k("b", "a"), k("c")]) == []


def test_history_keeps_five_builds_and_counts():
    history = []
    for n in range(7):
        history = upserted(history, f"d{n}", "ReconciliationSucceeded", {"revision": f"r{n}"}, "t0", SECOND)
    history = upserted(history, "d6", "ReconciliationSucceeded", {"revision": "r6"}, "t1", SECOND)
    assert [e["digest"] for e in history] == ["d6", "d5", "d4", "d3", "d2"]
    assert (
        history[0]["totalReconciliations"],
        history[0]["firstReconciled"],
        history[0]["lastReconciled"],
    ) == (2, "t0", "t1")


def test_flags():
    def pod(*args):
        return {"spec": {"containers": [{"args": list(args)}]}}

    read, absent = options.read("kustomize-controller", pod("--log-level=info", "--enable-leader-election"))
    assert (read, absent) == (options.Options(4), [])
    read, absent = options.read(
        "kustomize-controller",
        pod(
            "--concurrent=20",
            "--requeue-dependency=5s",
            "--feature-gates=CancelHealthCheckOnNewRevision=true",
            "--no-remote-bases=true",
            "--concurrent-ssa=x",
        ),
    )
    assert (read.concurrent, read.requeue_dependency, read.cancel_health_checks) == (20, 5 * SECOND, True)
    assert absent[0] == "--no-remote-bases is not modelled"
    assert absent[1].startswith("--concurrent-ssa=x: ")
    assert options.read("source-controller", pod("--feature-gates=Other=true"))[1] == [
        "--feature-gates=Other=true: Other not modelled"
    ]
