"""Validation of leases, events, webhook configurations and custom resource definitions.

**Imitates:** kubernetes pkg/apis/{coordination,core,admissionregistration}/validation and apiextensions-apiserver
pkg/apis/apiextensions/validation (v1.36). Left out: event fields beyond those listed, match conditions, structural
schema rules and printer columns of CRDs.
"""

import base64
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from kcsim.api import names
from kcsim.api.validation.common import immutable, label_selector, non_negative
from kcsim.api.validation.field import Errors, each_invalid, invalid, one_of, required

_DEFAULT_NAMESPACE: Final = "default"


def lease(obj: Mapping[str, Any]) -> Errors:
    """ValidateLeaseSpec."""
    spec = obj.get("spec") or {}
    errors: Errors = []
    seconds = spec.get("leaseDurationSeconds")
    if seconds is not None and seconds <= 0:
        errors.append(invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
    return errors + non_negative("spec.leaseTransitions", spec.get("leaseTransitions"))


def event(obj: Mapping[str, Any]) -> Errors:
    """legacyValidateEvent: an event stands in the namespace of what it is about."""
    return _event_namespace(obj, obj.get("involvedObject") or {})


def _event_namespace(obj: Mapping[str, Any], about: Mapping[str, Any]) -> Errors:
    namespace = (obj.get("metadata") or {}).get("namespace") or ""
    given = about.get("namespace") or ""
    # Events about cluster-scoped objects stand in "default"; which kinds those are, only the catalog knows.
    if given != namespace and not (not given and namespace in ("", _DEFAULT_NAMESPACE)):
        return [invalid("involvedObject.namespace", given, "does not match event.namespace")]
    return []


def certificate_signing_request(obj: Mapping[str, Any]) -> Errors:
    """ValidateCertificateSigningRequestCreate, as far as the request's envelope goes; what is in it is not read."""
    spec = obj.get("spec") or {}
    request = spec.get("request") or ""
    errors: Errors = []
    # Something that is no base64 was refused when the body was decoded.
    if not base64.b64decode(request).lstrip().startswith(b"-----BEGIN CERTIFICATE REQUEST-----"):
        errors.append(invalid("spec.request", request, "PEM block type must be CERTIFICATE REQUEST"))
    if not spec.get("usages"):
        errors.append(required("spec.usages"))
    return errors + _signer_name("spec.signerName", spec.get("signerName") or "")


def _signer_name(path: str, name: str) -> Errors:
    """ValidateSignerName: a domain of two labels at least, a slash, and a path of subdomains."""
    if not name:
        return [required(path)]
    domain, slash, rest = name.partition("/")
    if not slash or "/" in rest:
        text = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        return [invalid(path, name, text)]
    errors: Errors = []
    for shown, labels, rule in (
        (domain, domain.split("."), names.is_dns1123_label),
        (rest, rest.split("."), names.is_dns1123_subdomain),
    ):
        wrong = next(((label, found) for label in labels if (found := rule(label))), None)
        if wrong is not None:
            errors += each_invalid(path, shown, (f'validating label "{wrong[0]}": {why}' for why in wrong[1]))
        if shown is domain and len(labels) == 1:
            text = "should be a domain with at least two segments separated by dots"
            errors.append(invalid(path, domain, text))
    return errors


def new_event(obj: Mapping[str, Any]) -> Errors:
    """ValidateEventCreate of events.k8s.io."""
    errors = _event_namespace(obj, obj.get("regarding") or {})
    if not obj.get("eventTime"):
        errors.append(required("eventTime"))
    controller = obj.get("reportingController") or ""
    if not controller:
        errors.append(required("reportingController"))
    errors += each_invalid("reportingController", controller, names.is_qualified_name(controller))
    errors += [required(name) for name in ("reportingInstance", "action", "reason") if not obj.get(name)]
    return errors + one_of("type", obj.get("type") or "", ("Normal", "Warning"))


# ---- webhooks


def webhook_configuration(obj: Mapping[str, Any]) -> Errors:
    """ValidateValidatingWebhookConfiguration and its mutating twin."""
    errors: Errors = []
    for index, item in enumerate(obj.get("webhooks") or ()):
        errors += _webhook(f"webhooks[{index}]", item)
    return errors


def _webhook(path: str, item: Mapping[str, Any]) -> Errors:
    name = item.get("name") or ""
    errors: Errors = []
    if not name:
        errors.append(required(f"{path}.name"))
    elif wrong := names.is_dns1123_subdomain(name):
        errors += each_invalid(f"{path}.name", name, wrong)
    elif name.count(".") < 2:
        text = "should be a domain with at least three segments separated by dots"
        errors.append(invalid(f"{path}.name", name, text))
    if not item.get("admissionReviewVersions"):
        errors.append(required(f"{path}.admissionReviewVersions", "must specify one of v1, v1beta1"))
    for index, rule in enumerate(item.get("rules") or ()):
        errors += [
            required(f"{path}.rules[{index}].{part}")
            for part in ("operations", "apiGroups", "apiVersions", "resources")
            if not rule.get(part)
        ]
    errors += one_of(f"{path}.failurePolicy", item.get("failurePolicy") or "", ("Fail", "Ignore"))
    errors += one_of(f"{path}.matchPolicy", item.get("matchPolicy") or "", ("Equivalent", "Exact"))
    errors += one_of(f"{path}.sideEffects", item.get("sideEffects") or "", ("None", "NoneOnDryRun"))
    seconds = item.get("timeoutSeconds")
    if seconds is not None and not 1 <= seconds <= 30:
        text = "the timeout value must be between 1 and 30 seconds"
        errors.append(invalid(f"{path}.timeoutSeconds", seconds, text))
    for selector in ("namespaceSelector", "objectSelector"):
        errors += label_selector(f"{path}.{selector}", item.get(selector))
    return errors + _client_config(f"{path}.clientConfig", item.get("clientConfig") or {})


def _client_config(path: str, config: Mapping[str, Any]) -> Errors:
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        return [required(path, "exactly one of url or service is required")]
    if service is not None:
        return [required(f"{path}.service.{name}") for name in ("name", "namespace") if not service.get(name)]
    parts = urlsplit(url or "")
    form = "; desired format: https://host[/path]"
    if parts.scheme != "https":
        return [invalid(f"{path}.url", parts.scheme, f"'https' is the only allowed URL scheme{form}")]
    return [] if parts.netloc else [invalid(f"{path}.url", "", f"host must be specified{form}")]


# ---- CustomResourceDefinition


def custom_resource_definition(obj: Mapping[str, Any]) -> Errors:
    """ValidateCustomResourceDefinition, its names and versions."""
    spec = obj.get("spec") or {}
    kinds = spec.get("names") or {}
    group, plural = spec.get("group") or "", kinds.get("plural") or ""
    name = (obj.get("metadata") or {}).get("name") or ""
    errors: Errors = []
    if name != f"{plural}.{group}":
        text = 'must be spec.names.plural+"."+spec.group'
        errors.append(invalid("metadata.name", name, text))
    if not group:
        errors.append(required("spec.group"))
    else:
        errors += each_invalid("spec.group", group, names.is_dns1123_subdomain(group))
        if "." not in group:
            errors.append(invalid("spec.group", group, "should be a domain with at least one dot"))
    scope = spec.get("scope") or ""
    errors += (
        [required("spec.scope")] if not scope else one_of("spec.scope", scope, ("Cluster", "Namespaced"))
    )
    errors += _versions(spec.get("versions") or [])
    for field in ("plural", "singular", "kind", "listKind"):
        value = kinds.get(field) or ""
        if not value:
            errors.append(required(f"spec.names.{field}"))
        else:
            errors += each_invalid(f"spec.names.{field}", value, names.is_dns1035_label(value.lower()))
    if kinds.get("kind") and kinds.get("kind") == kinds.get("listKind"):
        text = "kind and listKind may not be the same"
        errors.append(invalid("spec.names.listKind", kinds["listKind"], text))
    return errors


def _versions(versions: list[dict[str, Any]]) -> Errors:
    errors: Errors = []
    for index, version in enumerate(versions):
        name = version.get("name") or ""
        errors += each_invalid(f"spec.versions[{index}].name", name, names.is_dns1035_label(name))
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            field = f"spec.versions[{index}].schema.openAPIV3Schema"
            errors.append(required(field, "schemas are required"))
    if sum(1 for version in versions if version.get("storage")) != 1:
        text = "must have exactly one version marked as storage version"
        errors.append(invalid("spec.versions", versions, text))
    if len({version.get("name") for version in versions}) != len(versions):
        errors.append(invalid("spec.versions", versions, "must contain unique version names"))
    return errors


def custom_resource_definition_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidateCustomResourceDefinitionUpdate: once established, identity and scope stay."""
    conditions = (old.get("status") or {}).get("conditions") or ()
    after, before = new.get("spec") or {}, old.get("spec") or {}
    errors: Errors = []
    if any(item.get("type") == "Established" and item.get("status") == "True" for item in conditions):
        errors += immutable("spec.scope", after.get("scope"), before.get("scope"))
        kinds = [(spec.get("names") or {}).get("kind") for spec in (after, before)]
        errors += immutable("spec.names.kind", *kinds)
    errors += immutable("spec.group", after.get("group"), before.get("group"))
    plurals = [(spec.get("names") or {}).get("plural") for spec in (after, before)]
    return errors + immutable("spec.names.plural", *plurals)
