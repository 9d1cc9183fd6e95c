"""Which texts are valid names: DNS labels and subdomains, label keys and values, ports, config keys.

Imitates: apimachinery pkg/util/validation/validation.go and pkg/api/validate/content, v1.36, with their messages
(label keys and values count "bytes", the others "characters"). Every function returns the list of what is wrong,
empty when nothing is. Left out: paths and domain-prefixed keys.
"""

from __future__ import annotations

import re
from functools import lru_cache

_LABEL_1123 = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN_1123 = _LABEL_1123 + r"(\." + _LABEL_1123 + ")*"
_LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_WILDCARD = r"\*\." + _SUBDOMAIN_1123
_LABEL_KEY = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_LABEL_KEY})?"
_PERCENT = "[0-9]+%"
_HTTP_HEADER = "[-A-Za-z0-9]+"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"
_C_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"

DNS1123_LABEL_MAX_LENGTH = 63
DNS1123_SUBDOMAIN_MAX_LENGTH = 253
LABEL_VALUE_MAX_LENGTH = 63


def regex_error(message: str, pattern: str, *examples: str) -> str:
    """Upstream's RegexError: the message, examples and the expression that was used."""
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{message} ({'e.g. ' if examples else ''}{shown}regex used for validation is '{pattern}')"


def max_len_error(length: int) -> str:
    """Upstream's MaxLenError."""
    return f"must be no more than {length} characters"


def inclusive_range_error(low: int, high: int) -> str:
    """Upstream's InclusiveRangeError."""
    return f"must be between {low} and {high}, inclusive"


@lru_cache(maxsize=8192)
def _matches(pattern: str, value: str) -> bool:
    return re.fullmatch(pattern, value) is not None


def _length(value: str) -> int:
    """Length as Go's len counts it: bytes of UTF-8."""
    return len(value) if value.isascii() else len(value.encode())


def is_dns1123_label(value: str) -> list[str]:
    """Names of namespaces, containers, volumes."""
    errors = [max_len_error(DNS1123_LABEL_MAX_LENGTH)] if _length(value) > DNS1123_LABEL_MAX_LENGTH else []
    if not _matches(_LABEL_1123, value):
        if _matches(_SUBDOMAIN_1123, value):
            errors.append("must not contain dots")
        else:
            message = (
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
                "and must start and end with an alphanumeric character"
            )
            errors.append(regex_error(message, _LABEL_1123, "my-name", "123-abc"))
    return errors


def is_dns1123_subdomain(value: str) -> list[str]:
    """Names of most objects."""
    errors = []
    if _length(value) > DNS1123_SUBDOMAIN_MAX_LENGTH:
        errors.append(max_len_error(DNS1123_SUBDOMAIN_MAX_LENGTH))
    if not _matches(_SUBDOMAIN_1123, value):
        message = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
            "and must start and end with an alphanumeric character"
        )
        errors.append(regex_error(message, _SUBDOMAIN_1123, "example.com"))
    return errors


def is_dns1035_label(value: str) -> list[str]:
    """Names that must start with a letter."""
    errors = [max_len_error(63)] if _length(value) > 63 else []
    if not _matches(_LABEL_1035, value):
        message = (
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
            "start with an alphabetic character, and end with an alphanumeric character"
        )
        errors.append(regex_error(message, _LABEL_1035, "my-name", "abc-123"))
    return errors


def is_wildcard_dns1123_subdomain(value: str) -> list[str]:
    """Ingress hosts with `*.` in front."""
    errors = []
    if _length(value) > DNS1123_SUBDOMAIN_MAX_LENGTH:
        errors.append(max_len_error(DNS1123_SUBDOMAIN_MAX_LENGTH))
    if not _matches(_WILDCARD, value):
        message = (
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, "
            "which must consist of lower case alphanumeric characters, '-' or '.' "
            "and end with an alphanumeric character"
        )
        errors.append(regex_error(message, _WILDCARD, "*.example.com"))
    return errors


@lru_cache(maxsize=4096)
def _label_key_errors(value: str) -> tuple[str, ...]:
    message = (
        "must consist of alphanumeric characters, '-', '_' or '.', "
        "and must start and end with an alphanumeric character"
    )
    rule = regex_error(message, _LABEL_KEY, "MyName", "my.name", "123-abc")
    prefix, slash, name = value.rpartition("/")
    if "/" in prefix:
        return (
            f"a valid label key {rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
        )
    errors = []
    if slash and not prefix:
        errors.append("prefix part must be non-empty")
    elif slash:
        errors += [f"prefix part {error}" for error in _bytes(is_dns1123_subdomain(prefix))]
    if not name:
        errors.append("name part must be non-empty")
    elif _length(name) > 63:
        errors.append("name part must be no more than 63 bytes")
    if not _matches(_LABEL_KEY, name):
        errors.append(f"name part {rule}")
    return tuple(errors)


def _bytes(errors: list[str]) -> list[str]:
    """The content package says bytes where the validation package says characters."""
    return [error.replace(max_len_error(253), "must be no more than 253 bytes") for error in errors]


def is_qualified_name(value: str) -> list[str]:
    """Keys of labels and annotations, names of resources: an optional DNS prefix, a slash, a name."""
    return list(_label_key_errors(value))


@lru_cache(maxsize=4096)
def _label_value_errors(value: str) -> tuple[str, ...]:
    errors = []
    if _length(value) > LABEL_VALUE_MAX_LENGTH:
        errors.append(f"must be no more than {LABEL_VALUE_MAX_LENGTH} bytes")
    if not _matches(_LABEL_VALUE, value):
        message = (
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
            "and must start and end with an alphanumeric character"
        )
        errors.append(regex_error(message, _LABEL_VALUE, "MyValue", "my_value", "12345"))
    return tuple(errors)


def is_valid_label_value(value: str) -> list[str]:
    """Values of labels."""
    return list(_label_value_errors(value))


def is_c_identifier(value: str) -> list[str]:
    """Identifiers as C has them."""
    if _matches(_C_IDENTIFIER, value):
        return []
    message = (
        "a valid C identifier must start with alphabetic character or '_', "
        "followed by a string of alphanumeric characters or '_'"
    )
    return [regex_error(message, _C_IDENTIFIER, "my_name", "MY_NAME", "MyName")]


def is_in_range(value: int, low: int, high: int) -> list[str]:
    """Is low <= value <= high?"""
    return [] if low <= value <= high else [inclusive_range_error(low, high)]


def is_valid_port_num(port: int) -> list[str]:
    """Port numbers 1 to 65535."""
    return is_in_range(port, 1, 65535)


def is_valid_port_name(value: str) -> list[str]:
    """Names of container and service target ports (IANA_SVC_NAME)."""
    errors = [max_len_error(15)] if _length(value) > 15 else []
    if not _matches("[-a-z0-9]+", value):
        errors.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", value):
        errors.append("must contain at least one letter (a-z)")
    if "--" in value:
        errors.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        errors.append("must not begin or end with a hyphen")
    return errors


def is_valid_percent(value: str) -> list[str]:
    """Texts such as 25%."""
    if _matches(_PERCENT, value):
        return []
    message = "a valid percent string must be a numeric string followed by an ending '%'"
    return [regex_error(message, _PERCENT, "1%", "93%")]


def is_http_header_name(value: str) -> list[str]:
    """Names of headers in HTTP probes."""
    if _matches(_HTTP_HEADER, value):
        return []
    message = "a valid HTTP header must consist of alphanumeric characters or '-'"
    return [regex_error(message, _HTTP_HEADER, "X-Header-Name")]


def is_relaxed_env_var_name(value: str) -> list[str]:
    """Names of environment variables as pods may have them: printable ASCII without '='."""
    errors = [] if value else ["environment variable name must be non-empty"]
    if not all(" " <= character <= "~" and character != "=" for character in value):
        errors.append(
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
        )
    return errors


def is_config_map_key(value: str) -> list[str]:
    """Keys of ConfigMap and Secret data."""
    errors = []
    if _length(value) > DNS1123_SUBDOMAIN_MAX_LENGTH:
        errors.append(max_len_error(DNS1123_SUBDOMAIN_MAX_LENGTH))
    if not _matches(_CONFIG_KEY, value):
        message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
        errors.append(regex_error(message, _CONFIG_KEY, "key.name", "KEY_NAME", "key-name"))
    return errors + _chdir_prefix(value)


def _chdir_prefix(value: str) -> list[str]:
    if value in (".", ".."):
        return [f"must not be '{value}'"]
    return ["must not start with '..'"] if value.startswith("..") else []
