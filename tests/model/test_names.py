"""Valid names of profiles and tags."""

from __future__ import annotations

import string

import pytest

from calicoctl.model.names import is_profile_name, is_stored_profile_name, is_stored_tag, is_tag

ALLOWED = string.ascii_letters + string.digits + "_.-"


@pytest.mark.parametrize(
    "name", [*ALLOWED.replace(".", ""), "...", ".a", "a.", "-", "--at", "_hidden", "a" * 128, ALLOWED]
)
def test_valid_names(name: str) -> None:
    assert is_tag(name)
    assert is_profile_name(name)
    assert is_stored_tag(name)
    assert is_stored_profile_name(name)


@pytest.mark.parametrize("name", ["", "a b", " a", "a\n", "\na", "a/b", "é", "٣", "a\x00", "\udc80", "%2e"])
def test_invalid_names(name: str) -> None:
    assert not is_tag(name)
    assert not is_profile_name(name)
    assert not is_stored_tag(name)
    assert not is_stored_profile_name(name)


@pytest.mark.parametrize("name", ["a" * 129, "." * 129, ALLOWED * 100])
def test_names_too_long_for_new_objects(name: str) -> None:
    assert not is_tag(name)
    assert not is_profile_name(name)
    assert is_stored_tag(name)
    assert is_stored_profile_name(name)


@pytest.mark.parametrize("name", [".", ".."])
def test_valid_tags_that_are_not_profile_names(name: str) -> None:
    assert is_tag(name)
    assert not is_profile_name(name)
    assert is_stored_tag(name)
    assert not is_stored_profile_name(name)


def test_no_other_latin_1_character_is_valid() -> None:
    assert "".join(filter(is_tag, map(chr, range(256)))) == "".join(sorted(ALLOWED))
