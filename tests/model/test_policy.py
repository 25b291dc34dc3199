"""Policies and tiers: the text of orders and names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calicoctl.model.policy import MalformedPolicy, Policy, Tier, order_text
from calicoctl.model.wording import go_quoted


@pytest.mark.parametrize(
    ("order", "text"),
    [
        (None, "default"), (0, "0"), (-1.5, "-1.5"), (0.1, "0.1"), (1 / 3, "0.3333333333333333"), (500.0, "500"),
        (100000, "100000"), (999999, "999999"), (999999.5, "999999.5"), (1000000, "1e+06"), (-1000000, "-1e+06"),
        (1234567.5, "1.2345675e+06"), (123456789, "1.23456789e+08"), (1e15, "1e+15"), (1e16, "1e+16"), (1e20, "1e+20"),
        (1.5e100, "1.5e+100"), (0.0001, "0.0001"), (0.00001, "1e-05"), (0.000012, "1.2e-05"), (1e-7, "1e-07"),
    ],
)  # fmt: skip
def test_orders_are_written_as_by_go(order: float | None, text: str) -> None:
    assert order_text(order) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_order_round_trip(order: float) -> None:
    text = order_text(order)
    assert float(text) == order
    assert ("e" in text) == (order != 0 and not 1e-4 <= abs(order) < 1e6)


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("p1", '"p1"'), ('we"ird', '"we\\"ird"'), ("back\\slash", '"back\\\\slash"'), ("café", '"café"'),
        ("\a\b\f\n\r\t\v", '"\\a\\b\\f\\n\\r\\t\\v"'), ("\x00\x1f\x7f", '"\\x00\\x1f\\x7f"'), ("a b", '"a b"'),
        ("\u00a0\u200b", '"\\u00a0\\u200b"'), ("\U000e0001", '"\\U000e0001"'), ("日本", '"日本"'),
    ],
)  # fmt: skip
def test_names_are_quoted_as_by_go(name: str, quoted: str) -> None:
    assert go_quoted(name) == quoted


def test_policy_keeps_selector_as_stored() -> None:
    policy = Policy.from_json("default", "p", '{"selector": " a  ==  \'b\' ", "order": 2}')
    assert (policy.selector_text, policy.selector.canonical(), policy.order) == (" a  ==  'b' ", 'a == "b"', 2)


@pytest.mark.parametrize("text", ["", "[]", "{", "NaN", '{"order": NaN}', '{"order": true}', '{"order": [1]}'])
def test_values_that_are_not_tiers(text: str) -> None:
    with pytest.raises(MalformedPolicy):
        Tier.from_json("t", text)
