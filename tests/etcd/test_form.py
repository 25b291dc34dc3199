"""Encoded forms, decoded by the standard library and by etcd."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calicoctl.etcd.form import form_of
from tests.etcd.clients import client_of
from tests.etcd_server import EtcdServer

ASCII = "".join(map(chr, range(128)))
PRINTABLE = "".join(filter(str.isprintable, ASCII))
TEXTS = {"printable": PRINTABLE, "ASCII": ASCII, "beyond": f"{ASCII}\x80é€𝄞"}


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])) | st.text(alphabet=PRINTABLE))
def test_standard_library_decodes_form(text: str) -> None:
    form = form_of({"value": text, "prevIndex": "7"})
    assert form.isascii() and " " not in form
    assert parse_qsl(form, keep_blank_values=True) == [("value", text), ("prevIndex", "7")]


@pytest.mark.parametrize("name", TEXTS)
def test_etcd_stores_form(etcd: EtcdServer, name: str) -> None:
    text = TEXTS[name] * 3
    client_of(f"127.0.0.1:{etcd.port}").create("/x", text)
    assert etcd.keys() == {"/x": text}


def test_form_of_json_is_barely_longer() -> None:
    assert form_of({"value": '{"src_net": "10.0.0.0/8", "dst_ports": [80, "90:91"]}'}) == (
        'value={"src_net":+"10.0.0.0/8",+"dst_ports":+[80,+"90:91"]}'
    )
