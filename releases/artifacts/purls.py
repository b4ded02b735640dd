"""What a purl says of an artifact: its digest, and which package it is a version of. Pure."""

import re
from functools import lru_cache
from urllib.parse import parse_qs, unquote

DIGEST = re.compile(r"(?:sha1|sha224|sha256|sha384|sha512|blake3):[0-9a-f]{32,128}")
QUALIFIERS = ("digest", "checksum", "checksums")


@lru_cache(maxsize=10_000)
def digest_in(purl: str) -> str:
    """Return the digest that a purl names, such as sha256:4f5e…; "" if none. Of several, the longest tells the most."""
    _, qualifiers = _halves(purl)
    given = [_version(purl)]
    values = parse_qs(qualifiers)
    given += [each for name in QUALIFIERS for value in values.get(name, ()) for each in value.split(",")]
    found = [text for each in given if DIGEST.fullmatch(text := unquote(each).strip().lower())]
    return max(found, key=len, default="")


def package_in(purl: str) -> str:
    """Return a purl without version, qualifiers and subpath: what all versions of one package share."""
    name, _ = _halves(purl)
    return name.rpartition("@")[0] if _version(purl) else name


def same_artifact(purl: str, other: str) -> bool:
    """Say whether two purls name one artifact: by package and digest, whatever else they say."""
    digest = digest_in(purl)
    return purl == other or (bool(digest) and digest == digest_in(other) and package_in(purl) == package_in(other))


def name_in(purl: str) -> str:
    """Return the name of the package that a purl names."""
    return unquote(package_in(purl).rpartition("/")[2])


def _halves(purl: str) -> tuple[str, str]:
    name, _, qualifiers = purl.partition("#")[0].partition("?")
    return name, qualifiers


def _version(purl: str) -> str:
    name, _ = _halves(purl)
    before, at, version = name.rpartition("@")
    # pkg:npm/@scope/name has no version.
    return version if at and before and "/" not in version else ""
