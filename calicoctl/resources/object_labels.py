"""The limits of Kubernetes for the keys and values of labels and annotations."""

from __future__ import annotations

import re

_DOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_LONGEST_DOMAIN, _LONGEST_NAME = 253, 63
_MOST_ANNOTATIONS = 256 * 1024


def key_problem(key: str) -> str:
    """Say what is wrong with the key of a label; empty if it is valid."""
    domain, slash, name = key.rpartition("/")
    if slash and not (_DOMAIN.fullmatch(domain) and len(domain) <= _LONGEST_DOMAIN):
        return f"the part before / is not a domain name in lower case of at most {_LONGEST_DOMAIN} characters"
    if not _is_name(name):
        return (
            f"a key has 1 to {_LONGEST_NAME} letters, digits, dashes, underscores and dots, the first and last a "
            "letter or digit; a domain name and / may stand before it"
        )
    return ""


def value_problem(value: str) -> str:
    """Say what is wrong with the value of a label; empty if it is valid."""
    if value and not _is_name(value):
        return (
            f"a value is empty or has at most {_LONGEST_NAME} letters, digits, dashes, underscores and dots, the first "
            "and last a letter or digit"
        )
    return ""


def annotation_key_problem(key: str) -> str:
    """Say what is wrong with the key of an annotation; empty if it is valid."""
    return key_problem(key.lower())


def annotations_problem(annotations: dict[str, str]) -> str:
    """Say by how much annotations exceed the limit on their total size; empty if they do not."""
    size = sum(len(text.encode("utf-8", "surrogatepass")) for pair in annotations.items() for text in pair)
    return f"{size:,} bytes are more than {_MOST_ANNOTATIONS:,}" if size > _MOST_ANNOTATIONS else ""


def _is_name(text: str) -> bool:
    return len(text) <= _LONGEST_NAME and _NAME.fullmatch(text) is not None
