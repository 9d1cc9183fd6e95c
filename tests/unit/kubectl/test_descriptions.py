"""What explain says of the fields of built-in kinds: all of those that kcsim models, in a few plain words."""

from __future__ import annotations

import configparser
import re
from fnmatch import fnmatchcase
from functools import cache

import pytest

from kcsim.api import not_modelled
from kcsim.api.schemas.definitions import definitions
from kcsim.kubectl.descriptions import SELF, description, values
from tests.tidy.tree import ROOT

KINDS = """
    Pod PodTemplate Deployment ReplicaSet StatefulSet DaemonSet ControllerRevision Job CronJob HorizontalPodAutoscaler Scale
    Service Endpoints EndpointSlice Ingress IngressClass NetworkPolicy ConfigMap Secret Namespace Node
    PersistentVolume PersistentVolumeClaim StorageClass VolumeAttachment PodDisruptionBudget Eviction PriorityClass
    ResourceQuota LimitRange ServiceAccount Role ClusterRole RoleBinding ClusterRoleBinding Event Lease
    CustomResourceDefinition ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding
""".split()
OLD_DRIVERS = re.compile(
    r"(AWS|Azure|CephFS|Cinder|FC|Flex|Flocker|GCE|GitRepo|Glusterfs|ISCSI|Photon|Portworx|Quobyte|RBD|ScaleIO|StorageOS|Vsphere)"
    r"\w*VolumeSource"
)
"""Drivers that upstream has taken out, or handed to CSI: what their fields mean is a matter of the storage system."""
LONGEST = 320


def reachable() -> list[str]:
    """Every definition that an object of these kinds holds."""
    found: dict[str, None] = {}
    steps = [name for (_, _, kind), name in sorted(definitions().names_by_kind.items()) if kind in KINDS]
    while steps:
        name = steps.pop()
        if name not in found:
            found[name] = None
            steps += refs(definitions()[name])
    return sorted(found)


def refs(value) -> list[str]:
    if isinstance(value, list):
        return [ref for each in value for ref in refs(each)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"].rpartition("/")[2]] if isinstance(value.get("$ref"), str) else []
    return own + [ref for each in value.values() for ref in refs(each)]


def fields_of(name: str) -> list[str]:
    return sorted(definitions()[name].get("properties") or {})


@pytest.mark.parametrize("name", reachable())
def test_every_field_is_described_in_a_few_words(name):
    prefix, _, section = name.rpartition(".")
    if OLD_DRIVERS.fullmatch(section):
        return
    said = {field: description(prefix, section, field) for field in [SELF, *fields_of(name)]}
    assert not [field for field, text in said.items() if not text]
    assert not [
        field for field, text in said.items() if len(text) > LONGEST or not text.endswith((".", "..."))
    ]


def test_what_is_described_is_there():
    wrong = []
    for file in sorted((ROOT / "kcsim/kubectl/descriptions").glob("io.k8s.*.ini")):
        parser = configparser.ConfigParser(delimiters=(":",), interpolation=None)
        parser.optionxform = str
        parser.read_string(file.read_text("utf-8"))
        for names in parser.sections():
            known = [f"{file.stem}.{each}" for each in names.split()]
            wrong += [name for name in known if name not in definitions()]
            fields = {field for name in known if name in definitions() for field in fields_of(name)}
            wrong += [f"{names}: {field}" for field in parser[names] if field not in {SELF, *fields}]
    assert not wrong


def test_what_is_not_modelled_is_a_field_and_says_so():
    for name, listed in not_modelled.FIELDS.items():
        assert set(listed) <= {"*", *fields_of(name)}
        prefix, _, section = name.rpartition(".")
        for field in fields_of(name) if "*" in listed else listed:
            assert f"kcsim does not model it: {not_modelled.why(name, field)}." in description(
                prefix, section, field
            )


@cache
def words() -> frozenset[str]:
    """Every text in the code that plays a cluster."""
    found: set[str] = set()
    for file in (ROOT / "kcsim/cluster").rglob("*.py"):
        found |= set(re.findall(r"\"([\w]+)\"", file.read_text("utf-8")))
    return frozenset(found)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, field)
        for name, listed in not_modelled.FIELDS.items()
        for field, entry in listed.items()
        if field != "*" and not entry.is_told
    ],
)
def test_what_is_not_modelled_is_read_by_nobody(name, field):
    assert field not in words(), f"somebody models {name}.{field}: take it from the list"


def test_values_are_those_of_fields():
    assert values("PodSpec", "restartPolicy") == ["Always", "Never", "OnFailure"]
    assert values("PodSpec", "hostname") == []


def custom():
    """The definitions that kcsim installs, each with group and version."""
    from kcsim.cluster.routing.crds import definitions as gateway
    from kcsim.delivery.gitops.argocd import install as argocd
    from kcsim.delivery.gitops.flux import install as flux

    everything = [
        *flux.install_objects(components=tuple(flux.IMAGES)),
        *argocd.install_objects(),
        *gateway(),
    ]
    for obj in everything:
        if obj["kind"] == "CustomResourceDefinition":
            for version in obj["spec"]["versions"]:
                prefix = f"{obj['spec']['group']}.{version['name']}"
                yield prefix, obj["spec"]["names"]["kind"], version["schema"]["openAPIV3Schema"]


def parts(section, schema):
    """Every part of a schema, with the names of its fields."""
    while "properties" not in schema and isinstance(
        schema.get("items", schema.get("additionalProperties")), dict
    ):
        schema = schema.get("items", schema.get("additionalProperties"))
    fields = schema.get("properties") or {}
    if fields:
        yield section, list(fields)
    for name, below in fields.items():
        yield from parts(f"{section}.{name}", below)


@pytest.mark.parametrize(("prefix", "kind", "schema"), [pytest.param(*d, id=d[1]) for d in custom()])
def test_custom_resources_of_kcsim_are_described_as_far_as_people_write_them(prefix, kind, schema):
    """The kind, its spec and status with their fields, and the fields of each part of the spec."""
    missing = []
    for section, fields in parts(kind, schema):
        depth = section.count(".")
        if depth < 2 or (depth == 2 and ".spec." in section):
            wanted = fields if depth else [SELF, *fields]
            missing += [f"{section}: {each}" for each in wanted if not description(prefix, section, each)]
    assert not missing


def test_what_is_described_of_custom_resources_is_there():
    known: dict[str, dict[str, set[str]]] = {}
    for prefix, kind, schema in custom():
        known.setdefault(prefix, {}).update({section: set(fields) for section, fields in parts(kind, schema)})
    wrong = []
    for prefix, sections in known.items():
        file = ROOT / "kcsim/kubectl/descriptions" / f"{prefix}.ini"
        parser = configparser.ConfigParser(delimiters=(":",), interpolation=None)
        parser.optionxform = str
        parser.read_string(file.read_text("utf-8"))
        for names in parser.sections():
            for pattern in names.split():
                fitting = [each for each in sections if fnmatchcase(each, pattern)]
                wrong += [] if fitting else [f"{prefix} {pattern}"]
            meant = [
                fields
                for each, fields in sections.items()
                if any(fnmatchcase(each, p) for p in names.split())
            ]
            there = {SELF}.union(*meant)
            wrong += [f"{prefix} {names}: {field}" for field in parser[names] if field not in there]
            wrong += [
                f"{prefix} {names}: {field} is long, or no sentence"
                for field, text in parser[names].items()
                if len(text) > LONGEST or not text.endswith((".", "..."))
            ]
    assert not wrong
