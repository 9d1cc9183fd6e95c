"""Scans: secrets in files, known weaknesses of images and dependencies, licences.

Secrets are looked for as a scanner does it, in the files of the commit. What is known of images and packages is data of the story: a
`Known` finding for a name.

**Imitates:** gitleaks (rule names; config/gitleaks.toml), Trivy (severities and `--severity`, `--ignore-unfixed` left out), and a licence
check with a list of what is allowed.

**Walk:** the commit's files -> findings -> evidence; those as grave as `fail_on` or graver fail the step, the others are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from kcsim.delivery.ci.checkout import checkout
from kcsim.delivery.ci.evidence import attest
from kcsim.delivery.ci.pipelines import StageContext, StageFailed
from kcsim.delivery.ci.render import images
from kcsim.engine.task import Steps

SEVERITIES: Final = ("UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL")
Subject = Literal["secrets", "vulnerabilities", "dependencies", "licences"]

_SECRETS: Final[Mapping[str, re.Pattern[str]]] = {
    "aws-access-token": re.compile(r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    "private-key": re.compile(r"-----BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY"),
    "github-pat": re.compile(r"\bghp_[0-9a-zA-Z]{36}\b"),
    "gitlab-pat": re.compile(r"\bglpat-[\w-]{20}\b"),
    "slack-bot-token": re.compile(r"\bxoxb-[0-9]{10,13}-[0-9]{10,13}[a-zA-Z0-9-]*"),
}
_SECRET_KIND: Final = re.compile(r"^kind:\s*['\"]?Secret['\"]?\s*$", re.MULTILINE)
_SECRET_DATA: Final = re.compile(r"^(?:data|stringData):\s*(?:\{\s*\S|\n\s+\S)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Known:
    """Something known of an image or a package: its name (CVE-2026-1234, GPL-3.0-only) and how grave it is."""

    id: str
    severity: str = "HIGH"


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan.

    Attributes:
        of: what is scanned.
        fail_on: the severity from which on findings fail the step.
        known: name -> what is known: of an image as manifests name it, of a package as a line of `files` does.
        files: files that list packages, one a line.
        allowed: with licences: those that are.
        paths: where the manifests are whose images are scanned.
    """

    of: Subject
    fail_on: str = "HIGH"
    known: Mapping[str, tuple[Known, ...]] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    paths: tuple[str, ...] = (".",)

    def steps(self, context: StageContext) -> Steps:
        """Scan.

        Raises: StageFailed, with the gravest finding.
        """
        fetched = yield from checkout(context)
        texts = {path: data.decode("utf-8", "replace") for path, data in sorted(fetched.files.items())}
        found = self._found(texts, fetched.files)
        limit = SEVERITIES.index(self.fail_on)
        grave = [text for text, severity in found if SEVERITIES.index(severity) >= limit]
        attest(context, self.of, [text for text, _ in found], passed=not grave)
        if grave:
            raise StageFailed(f"{len(grave)} {self.of} found: {grave[0]}")
        return None

    def _found(self, texts: Mapping[str, str], files: Mapping[str, bytes]) -> list[tuple[str, str]]:
        if self.of == "secrets":
            return list(_secrets(texts))
        if self.of == "vulnerabilities":
            return [
                (f"{image}: {known.id} ({known.severity})", known.severity)
                for image in images(files, self.paths)
                for known in self.known.get(image, ())
            ]
        return [
            (f"{path}:{number}: {package}: {known.id} ({known.severity})", known.severity)
            for path in self.files
            for number, line in enumerate(texts.get(path, "").splitlines(), 1)
            if (package := line.strip()) in self.known
            for known in self.known[package]
            if known.id not in self.allowed
        ]


def _secrets(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for path, text in texts.items():
        for rule, pattern in _SECRETS.items():
            for match in pattern.finditer(text):
                yield f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {rule}", "CRITICAL"
        for kind in _SECRET_KIND.finditer(text):
            start = text.rfind("\n---", 0, kind.start()) + 1
            end = text.find("\n---", kind.end())
            if _SECRET_DATA.search(text, start, end if end != -1 else len(text)):
                yield f"{path}:{text.count(chr(10), 0, kind.start()) + 1}: kubernetes-secret-yaml", "HIGH"
