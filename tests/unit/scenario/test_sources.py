"""What Flux's sources need beside repositories: signatures, buckets, artifacts that are signed."""

from __future__ import annotations

import pytest

from kcsim.scenario.load import examine_text, loads
from kcsim.scenario.play import Play

HEAD = """\
apiVersion: kcsim/v1
kind: Scenario
name: sources
seed: 3
until: 30m
"""
SETTINGS = (
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: default}, data: {value: VALUE}}"
)
ANA, HOST = "ssh-ed25519 AAAA ana", "ssh-ed25519 BBBB host"
SIGNED = f"""{HEAD}
repositories:
  - name: shop
    signedBy: {ANA}
    mergesSignedBy: {HOST}
    files: {{app/settings.yaml: "{SETTINGS.replace("VALUE", "one")}"}}
deliveries:
  flux:
    type: flux
    objects:
      - apiVersion: v1
        kind: Secret
        metadata: {{name: keys, namespace: flux-system}}
        stringData: {{ana.sshpub: {ANA}}}
      - apiVersion: source.toolkit.fluxcd.io/v1
        kind: GitRepository
        metadata: {{name: shop, namespace: flux-system}}
        spec: {{interval: 1m, url: "https://git.example/shop", ref: {{branch: main}}, verify: {{mode: HEAD, secretRef: {{name: keys}}}}}}
      - apiVersion: kustomize.toolkit.fluxcd.io/v1
        kind: Kustomization
        metadata: {{name: shop, namespace: flux-system}}
        spec: {{interval: 5m, path: ./app, prune: true, sourceRef: {{kind: GitRepository, name: shop}}}}
timeline:
"""


def played(text, until=None):
    play = Play(loads(text), "flux")
    if until is None:
        play.finish()
    else:
        play.run_until(until)
    return play


def value(play):
    found = play.list("configmaps", "default")
    return next((each["data"]["value"] for each in found if each["metadata"]["name"] == "settings"), None)


def condition(play, ref, kind):
    found = play.get(ref, "flux-system")["status"]["conditions"]
    return next((each["status"], each["message"]) for each in found if each["type"] == kind)


def change(new, old="one", signed=""):
    key = f", signedBy: {signed}" if signed else ""
    return f'commit: {{message: {new}, edit: {{app/settings.yaml: {{replace: {{"value: {old}": "value: {new}"}}}}}}{key}}}'


def test_a_commit_that_nobody_signed_is_not_taken_and_the_last_one_stays():
    entries = f"  - {{at: 5m, {change('two')}}}\n  - {{at: 15m, {change('three', 'two', ANA)}}}\n"
    play = played(SIGNED + entries, "12m")
    assert value(play) == "one"
    status, message = condition(play, "gitrepository/shop", "SourceVerified")
    assert status == "False"
    assert message.startswith("signature verification of commit '")
    play.finish()
    assert value(play) == "three"


def test_what_the_host_merges_is_signed_by_the_host():
    merge = '  - {at: 5m, mergeRequest: {message: two, branch: two, signedBy: ANA, edit: {app/settings.yaml: {replace: {"value: one": "value: two"}}}}}\n'
    assert value(played(SIGNED + merge.replace("ANA", ANA))) == "one"
    trusted = SIGNED.replace(f"ana.sshpub: {ANA}", f"ana.sshpub: {ANA}, host.sshpub: {HOST}")
    assert value(played(trusted + merge.replace("ANA", ANA))) == "two"


def test_a_tag_has_to_be_signed_where_that_is_wanted():
    text = SIGNED.replace("{branch: main}", "{tag: v1}").replace("mode: HEAD", "mode: Tag")
    unsigned = "  - {at: 1m, tag: {name: v1, message: First}}\n"
    assert value(played(text + unsigned)) is None
    assert value(played(text + unsigned.replace("First}", f"First, signedBy: {ANA}}}"))) == "one"


BUCKET = f"""{HEAD}
buckets:
  - {{name: manifests, endpoint: minio.example, files: {{app/settings.yaml: "{SETTINGS.replace("VALUE", "one")}"}}}}
repositories:
  - {{name: shop, files: {{README.md: x}}}}
deliveries:
  flux:
    type: flux
    objects:
      - apiVersion: source.toolkit.fluxcd.io/v1
        kind: Bucket
        metadata: {{name: shop, namespace: flux-system}}
        spec: {{interval: 1m, endpoint: minio.example, bucketName: manifests}}
      - apiVersion: kustomize.toolkit.fluxcd.io/v1
        kind: Kustomization
        metadata: {{name: shop, namespace: flux-system}}
        spec: {{interval: 5m, path: ./app, prune: true, sourceRef: {{kind: Bucket, name: shop}}}}
timeline:
  - at: 5m
    name: upload
    upload: {{bucket: manifests, files: {{app/settings.yaml: "{SETTINGS.replace("VALUE", "two")}"}}}}
"""


def test_a_bucket_is_applied_and_what_is_uploaded_follows():
    play = played(BUCKET, "4m")
    assert value(play) == "one"
    play.finish()
    assert value(play) == "two"
    assert play.why("configmap/settings", "default").origin.object == "bucket/manifests"


ARTIFACT = f"""{HEAD}
repositories:
  - {{name: shop, files: {{app/settings.yaml: "{SETTINGS.replace("VALUE", "one")}"}}}}
deliveries:
  flux:
    type: flux
    objects:
      - apiVersion: v1
        kind: Secret
        metadata: {{name: keys, namespace: flux-system}}
        stringData: {{ci.pub: KEY}}
      - apiVersion: source.toolkit.fluxcd.io/v1
        kind: OCIRepository
        metadata: {{name: shop, namespace: flux-system}}
        spec: {{interval: 1m, url: "oci://registry.example/shop/manifests", verify: {{provider: cosign, secretRef: {{name: keys}}}}}}
      - apiVersion: kustomize.toolkit.fluxcd.io/v1
        kind: Kustomization
        metadata: {{name: shop, namespace: flux-system}}
        spec: {{interval: 5m, path: ./, prune: true, sourceRef: {{kind: OCIRepository, name: shop}}}}
timeline:
  - {{at: 1m, flux: push artifact oci://registry.example/shop/manifests:latest --path=./app --source=shop --revision=main}}
  - {{at: 10m, sign: {{artifact: "registry.example/shop/manifests:latest", key: KEY}}}}
"""


def test_an_artifact_is_taken_once_somebody_has_signed_it():
    play = played(ARTIFACT, "9m")
    assert value(play) is None
    status, message = condition(play, "ocirepository/shop", "SourceVerified")
    assert (status, "no matching signatures were found" in message) == ("False", True)
    play.finish()
    assert value(play) == "one"


def test_what_cannot_be_signed_is_told():
    play = played(ARTIFACT.replace('manifests:latest", key', 'manifests:other", key'))
    assert [record.subject for record in play.trace.records if record.verb == "sign-failed"] == [
        "image/registry.example/shop/manifests:other"
    ]


BAD = [
    ("upload: {bucket: manifests", "upload: {bucket: manifest", "KC225", "did you mean 'manifests'"),
    ('files: {app/settings.yaml: "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: default}, data: {value: two}}"}', "files: {}", "KC105", "writes nothing"),
    ("upload: {bucket", "sign: {artifact: 'a b', key: x}\n    #", "KC104", "invalid reference format"),
    ("upload: {bucket", "sign: {artifact: 'a', issuer: x}\n    #", "KC105", "keyless"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "words"), BAD, ids=[row[1][:40] for row in BAD])
def test_what_is_wrong_is_told_where_it_stands(old, new, code, words):
    assert old in BUCKET
    found = [each for each in examine_text(BUCKET.replace(old, new, 1)).diagnostics if each.code == code]
    assert found, examine_text(BUCKET.replace(old, new, 1)).diagnostics
    assert words in f"{found[0].message} {found[0].remedy}"
