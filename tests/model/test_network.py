"""CIDRs: the meaning of each text is that of netaddr, also where netaddr is not used."""

from __future__ import annotations

import os
import subprocess
import sys

import netaddr
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calicoctl.model.network import Network
from tests.sampling import examples

BLANKS = st.text(" \t\n\r\f\v", max_size=2)
ZEROS = st.sampled_from(["", "", "", "0", "00"])


def refused(text: str) -> bool:
    try:
        Network.parse(text)
    except ValueError:
        return True
    return False


def by_netaddr(text: str) -> tuple[str, int, tuple[int, int, int]] | None:
    """The canonical text, the version and the network; None if netaddr refuses the text.

    netaddr accepts blanks only around an IPv4 network.
    """
    try:
        network = netaddr.IPNetwork(text.strip(" \t\n\r\f\v"), expand_partial=True)
    except (netaddr.AddrFormatError, ValueError):
        return None
    return f"{network.ip}/{network.prefixlen}", network.version, (network.version, network.first, network.prefixlen)


def by_this_project(text: str) -> tuple[str, int, tuple[int, int, int]] | None:
    if refused(text):
        return None
    network = Network.parse(text)
    return str(network), network.version, network.key()


@st.composite
def lengths(draw: st.DrawFn, width: int) -> str:
    """The end of a CIDR: nothing, a prefix length or a mask."""
    bits = draw(st.integers(0, width))
    version = 4 if width == 32 else 6
    netmask = (1 << width) - (1 << (width - bits))
    return draw(
        st.sampled_from(
            [
                "",
                f"/{bits}",
                f"/{draw(ZEROS)}{bits}",
                f"/{netaddr.IPAddress(netmask, version)}",
                f"/{netaddr.IPAddress(netmask ^ ((1 << width) - 1), version)}",
            ]
        )
    )


@st.composite
def ipv4_texts(draw: st.DrawFn) -> str:
    octets = draw(st.lists(st.integers(0, 255), min_size=1, max_size=4))
    address = ".".join(draw(ZEROS) + str(octet) for octet in octets)
    return draw(BLANKS) + address + draw(lengths(32)) + draw(BLANKS)


@st.composite
def ipv6_texts(draw: st.DrawFn) -> str:
    number = draw(st.integers(0, 2**128 - 1)) & draw(st.sampled_from([2**128 - 1, 0xFFFF << 112, 2**64 - 1, 2**32 - 1]))
    address = netaddr.IPAddress(number, 6)
    groups = [f"{number >> shift & 0xFFFF:x}" for shift in range(112, -1, -16)]
    dotted = str(netaddr.IPAddress(number & 0xFFFFFFFF, 4))
    form = draw(
        st.sampled_from(
            [
                str(address),
                ":".join(groups),
                ":".join(group.zfill(4).upper() for group in groups),
                ":".join([*groups[:6], dotted]),
            ]
        )
    )
    return draw(BLANKS) + form + draw(lengths(128)) + draw(BLANKS)


@settings(max_examples=examples(300))
@given(st.one_of(ipv4_texts(), ipv6_texts()))
def test_every_form_has_same_meaning_as_in_netaddr(text: str) -> None:
    meaning = by_netaddr(text)
    assert meaning is not None
    assert by_this_project(text) == meaning
    # The canonical text has the same meaning and is its own canonical form.
    assert by_this_project(meaning[0]) == meaning


@settings(max_examples=examples(250))
@given(
    st.one_of(
        st.text("0123456789abcdefABCDEF:./ \t\n\x00x+-_%", max_size=12),
        st.from_regex(r"[0-9]{0,3}(\.[0-9]{0,3}){0,4}(/[0-9.]{0,12})?", fullmatch=True),
        st.from_regex(r"[0-9a-f]{0,5}(:[0-9a-f]{0,5}){0,8}(/[0-9a-f:]{0,5})?", fullmatch=True),
    )
)
def test_invalid_text_is_refused_as_by_netaddr(text: str) -> None:
    assert by_this_project(text) == by_netaddr(text)


@given(st.text(st.characters(exclude_categories=()), max_size=20))
def test_any_text_gives_network_or_value_error(text: str) -> None:
    assert by_this_project(text) == (by_netaddr(text) if text.isascii() else None)


@pytest.mark.parametrize("text", ["٣", "10.0.0.0/٨", "10.0.0.\uff11", "\u00a010.0.0.0/8", "fd80\uff1a:/64"])
def test_only_ascii_digits_and_blanks_are_accepted(text: str) -> None:
    assert refused(text)


@pytest.mark.parametrize(
    ("text", "canonical", "key"),
    [
        ("10.0.0.0/8", "10.0.0.0/8", (4, 10 << 24, 8)),
        ("10.1.2.3/8", "10.1.2.3/8", (4, 10 << 24, 8)),
        ("10.1.2.3", "10.1.2.3/32", (4, 0x0A010203, 32)),
        ("10", "10.0.0.0/32", (4, 10 << 24, 32)),
        ("10/8", "10.0.0.0/8", (4, 10 << 24, 8)),
        ("192.168/16", "192.168.0.0/16", (4, 0xC0A80000, 16)),
        ("010.010.00.1/08", "10.10.0.1/8", (4, 10 << 24, 8)),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8", (4, 10 << 24, 8)),
        ("10.0.0.0/0.255.255.255", "10.0.0.0/8", (4, 10 << 24, 8)),
        (" 10.0.0.0/8\n", "10.0.0.0/8", (4, 10 << 24, 8)),
        ("0.0.0.0/0", "0.0.0.0/0", (4, 0, 0)),
        ("1.2.3.4/0", "1.2.3.4/0", (4, 0, 0)),
        ("FD80:0:0::1/64", "fd80::1/64", (6, 0xFD80 << 112, 64)),
        ("fd80::/ffff::", "fd80::/16", (6, 0xFD80 << 112, 16)),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1/128", (6, 0xFFFF0A000001, 128)),
        ("::/0", "::/0", (6, 0, 0)),
        ("::1/0", "::1/0", (6, 0, 0)),
    ],
)
def test_forms(text: str, canonical: str, key: tuple[int, int, int]) -> None:
    network = Network.parse(text)
    assert str(network) == canonical
    assert network.key() == key
    assert network.width == {4: 32, 6: 128}[network.version]


@pytest.mark.parametrize(
    "text",
    [
        *("", "/", "/8", "10/", "1/2/3", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/255.0.255.0", "::1%eth0"),
        *("1.2.3.4.5", "10.0.0.0/255.255.000.0", "1\x00", "9" * 5000, "10/" + "9" * 5000, "\udc80"),
    ],
    ids=lambda text: ascii(text[:30]),
)
def test_messages_quote_the_text(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        Network.parse(text)
    assert str(caught.value) == f"{text!r} is no CIDR"


def test_common_forms_do_not_import_netaddr() -> None:
    script = (
        "import sys\n"
        "from calicoctl.model.network import Network\n"
        "for text in ('10.0.0.0/8', '10.1.2.3', 'fd80::/64', 'FD80:0:0:0::1', '::ffff:1.2.3.4/96', ' ::/0 '):\n"
        "    Network.parse(text)\n"
        "print('netaddr' in sys.modules)\n"
        "Network.parse('10/8')\n"
        "print('netaddr' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("False\nTrue\n", "")
