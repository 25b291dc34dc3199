"""Forms are what the standard library makes of them."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calicoctl.datastore.form import form_of

ASCII = "".join(map(chr, range(128)))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.integers(0, 2000))
def test_as_urlencode(text: str, length: int) -> None:
    fields = {"value": text + "a b" * length, "prevIndex": "7"}
    assert form_of(fields) == urlencode(fields)


@pytest.mark.parametrize("length", [1, 7, 8, 20])
def test_every_character(length: int) -> None:
    assert form_of({"value": ASCII * length}) == urlencode({"value": ASCII * length})
