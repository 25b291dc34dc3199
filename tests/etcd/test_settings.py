"""Settings for etcd: valid environment variables, and the messages for invalid ones."""

from __future__ import annotations

import base64
import textwrap
from pathlib import Path

import pytest

from calicoctl.errors import CommandError
from calicoctl.etcd.settings import Settings, masked


def refusal(variables: dict[str, str]) -> str:
    """Return the message for invalid variables."""
    with pytest.raises(CommandError) as raised:
        Settings.from_environment(variables)
    assert raised.value.status == 1
    return raised.value.message


def filled(text: str) -> str:
    """Wrap a text to lines of at most 80 characters."""
    return textwrap.fill(text, 80) + "\n"


# Endpoints


@pytest.mark.parametrize(
    ("variables", "endpoints"),
    [
        ({}, ["http://127.0.0.1:2379"]),
        ({"ETCD_AUTHORITY": ""}, ["http://127.0.0.1:2379"]),
        ({"ETCD_AUTHORITY": "", "ETCD_SCHEME": "https"}, ["https://127.0.0.1:2379"]),
        ({"ETCD_AUTHORITY": "etcd.example.com:4001"}, ["http://etcd.example.com:4001"]),
        ({"ETCD_AUTHORITY": "h:1", "ETCD_SCHEME": ""}, ["http://h:1"]),
        ({"ETCD_AUTHORITY": "h:1", "ETCD_SCHEME": "https"}, ["https://h:1"]),
        ({"ETCD_AUTHORITY": "a_b-c.d.:65535"}, ["http://a_b-c.d.:65535"]),
        ({"ETCD_AUTHORITY": "h:00080"}, ["http://h:80"]),
        ({"ETCD_AUTHORITY": "x" * 63 + ":1"}, ["http://" + "x" * 63 + ":1"]),
        ({"ETCD_AUTHORITY": "[::1]:2379"}, ["http://[::1]:2379"]),
        ({"ETCD_AUTHORITY": "::1:2379"}, ["http://[::1]:2379"]),
        ({"ETCD_AUTHORITY": "[fe80::1:2]:1"}, ["http://[fe80::1:2]:1"]),
        ({"ETCD_AUTHORITY": "::ffff:10.0.0.1:1"}, ["http://[::ffff:10.0.0.1]:1"]),
        ({"ETCD_ENDPOINTS": ""}, ["http://127.0.0.1:2379"]),
        ({"ETCD_ENDPOINTS": "http://h:1", "ETCD_AUTHORITY": "!", "ETCD_SCHEME": "!"}, ["http://h:1"]),
        (
            {"ETCD_ENDPOINTS": " https://a:1 ,https://[::1]:2,\thttps://::2:3"},
            ["https://a:1", "https://[::1]:2", "https://[::2]:3"],
        ),
        ({"ETCD_ENDPOINTS": "http://a:1,\n  http://b:1\n"}, ["http://a:1", "http://b:1"]),
        ({"ETCD_ENDPOINTS": "http://b:1,http://a:1,http://b:1"}, ["http://b:1", "http://a:1", "http://b:1"]),
    ],
)
def test_endpoints(variables: dict[str, str], endpoints: list[str]) -> None:
    assert Settings.from_environment(variables).endpoints == endpoints


BAD_AUTHORITIES = [
    "h",
    "h:",
    ":1",
    "h:0",
    "h:65536",
    "h:x",
    "h:+1",
    "h:1.0",
    "h:1\n",
    "h:٣",
    "h:1/",
    "h :1",
    " h:1",
    "h/x:1",
    "-h:1",
    "h-:1",
    "a..b:1",
    ".a:1",
    "x" * 64 + ":1",
    "x." * 127 + "x:1",
    "é:1",
    "[h]:1",
    "[::1]",
    "[::1:2379",
    "::g:1",
    ":::1:1",
    "[]:1",
    "[::1%eth0]:1",
]


@pytest.mark.parametrize("authority", BAD_AUTHORITIES)
def test_invalid_authorities(authority: str) -> None:
    assert refusal({"ETCD_AUTHORITY": authority}) == filled(
        f"Invalid ETCD_AUTHORITY. Address must take the form <address>:<port>. Value provided is '{authority}'"
    )


def test_message_for_authority_is_wrapped() -> None:
    assert refusal({"ETCD_AUTHORITY": "http://127.0.0.1:2379"}) == (
        "Invalid ETCD_AUTHORITY. Address must take the form <address>:<port>. Value\n"
        "provided is 'http://127.0.0.1:2379'\n"
    )


@pytest.mark.parametrize("entry", ["http://h", "http://h:x", "http://h:1/", "http://", "http://h:1/v2", "http://h:1 x"])
def test_endpoints_without_address(entry: str) -> None:
    address = entry.removeprefix("http://")
    assert refusal({"ETCD_ENDPOINTS": f"http://127.0.0.1:2379,{entry}"}) == filled(
        f"Invalid ETCD_ENDPOINTS. Address must take the form <address>:<port>. Value provided is '{address}'"
    )


@pytest.mark.parametrize("value", ["h:1", "http://h:1,", "http://h:1,h:2", ",", " ", "http:/h:1"])
def test_endpoints_without_scheme(value: str) -> None:
    assert refusal({"ETCD_ENDPOINTS": value}) == filled(
        "Invalid ETCD_ENDPOINTS. It must take the form'ENDPOINT[,ENDPOINT][,...]' "
        f"where ENDPOINT:='http[s]://ADDRESS:PORT'. Value provided is '{value}'"
    )


def test_endpoints_with_two_schemes() -> None:
    assert refusal({"ETCD_ENDPOINTS": "http://a:1,https://b:2"}) == (
        "Inconsistent protocols in ETCD_ENDPOINTS.  Value provided is\n'http://a:1,https://b:2'\n"
    )


@pytest.mark.parametrize("scheme", ["HTTP", "ftp", "http ", "http://"])
def test_invalid_schemes(scheme: str) -> None:
    assert refusal({"ETCD_SCHEME": scheme}) == filled(
        f'Invalid ETCD_SCHEME. Value must be one of: "", "http", "https". Value provided: {scheme}'
    )


def test_invalid_schemes_of_endpoints() -> None:
    text = 'Invalid ETCD_ENDPOINTS. Value must be one of: "", "http", "https". Value\nprovided: HTTPS\n'
    assert refusal({"ETCD_ENDPOINTS": "HTTPS://a:1,HTTPS://b:2"}) == text


# TLS


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "file.pem"
    path.write_text("x")
    return str(path)


def test_https_without_files_uses_system_authorities() -> None:
    settings = Settings.from_environment({"ETCD_SCHEME": "https"})
    assert (settings.ca_file, settings.certificate) == (None, None)


def test_https_files(file: str) -> None:
    variables = {"ETCD_CA_CERT_FILE": file, "ETCD_CERT_FILE": file, "ETCD_KEY_FILE": file}
    settings = Settings.from_environment({**variables, "ETCD_ENDPOINTS": "https://h:1"})
    assert (settings.ca_file, settings.certificate) == (file, (file, file))


def test_files_are_ignored_with_http() -> None:
    variables = {"ETCD_CA_CERT_FILE": "/none", "ETCD_CERT_FILE": "/none", "ETCD_SCHEME": "http"}
    settings = Settings.from_environment(variables)
    assert (settings.ca_file, settings.certificate) == (None, None)


@pytest.mark.parametrize(
    ("variables", "values"),
    [
        ({"ETCD_KEY_FILE": "/k"}, "ETCD_KEY_FILE=/k, ETCD_CERT_FILE="),
        ({"ETCD_CERT_FILE": "/c"}, "ETCD_KEY_FILE=, ETCD_CERT_FILE=/c"),
        (
            {"ETCD_CERT_FILE": "/c", "ETCD_KEY_FILE": "", "ETCD_CA_CERT_FILE": "/none"},
            "ETCD_KEY_FILE=, ETCD_CERT_FILE=/c",
        ),
    ],
)
def test_key_and_certificate_must_be_given_together(variables: dict[str, str], values: str) -> None:
    assert refusal({"ETCD_SCHEME": "https", **variables}) == filled(
        "Invalid ETCD_KEY_FILE, ETCD_CERT_FILE combination. Key and certificate must both be specified or both be "
        f"blank. Values provided: {values}"
    )


@pytest.mark.parametrize("bad", ["/none", "/"])
def test_key_and_certificate_must_be_readable(file: str, bad: str) -> None:
    for key, certificate in ((bad, file), (file, bad)):
        variables = {"ETCD_SCHEME": "https", "ETCD_KEY_FILE": key, "ETCD_CERT_FILE": certificate}
        assert refusal(variables) == filled(
            "Cannot read ETCD_KEY_FILE and/or ETCD_CERT_FILE. Both must be readable file paths. "
            f"Values provided: ETCD_KEY_FILE={key}, ETCD_CERT_FILE={certificate}"
        )


@pytest.mark.parametrize("bad", ["/none", "/"])
def test_authority_certificate_must_be_readable(bad: str) -> None:
    assert refusal({"ETCD_SCHEME": "https", "ETCD_CA_CERT_FILE": bad}) == (
        "Invalid ETCD_CA_CERT_FILE. Certificate Authority cert is required and must be a\n"
        f"readable file path. Value provided: {bad}\n"
    )


# Timeouts


def test_timeouts() -> None:
    settings = Settings.from_environment({"CALICOCTL_CONNECT_TIMEOUT": "", "CALICOCTL_READ_TIMEOUT": ""})
    assert (settings.connect_timeout, settings.read_timeout) == (5.0, 60.0)
    settings = Settings.from_environment({"CALICOCTL_CONNECT_TIMEOUT": "0.5", "CALICOCTL_READ_TIMEOUT": "86400"})
    assert (settings.connect_timeout, settings.read_timeout) == (0.5, 86400.0)


@pytest.mark.parametrize("name", ["CALICOCTL_CONNECT_TIMEOUT", "CALICOCTL_READ_TIMEOUT"])
@pytest.mark.parametrize("value", ["0", "-1", "x", "nan", "inf", "86401", "1s", "1e9"])
def test_invalid_timeouts(name: str, value: str) -> None:
    assert refusal({name: value}) == filled(
        f"Invalid {name}. It must be a number of seconds above 0 and at most 86400. Value provided: {value}"
    )


# Messages never contain credentials


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:secret@h:1", "http://***@h:1"),
        ("user:secret@h:1", "***@h:1"),
        ("http://a:1,http://user:secret@b:2,http://c:3", "http://***@b:2,http://c:3"),
        ("http://user:pa://s3cret@h:1", "http://***@h:1"),
        ("http://user:s3,http://cret@h:1", "http://***@h:1"),
        ("user:s3cret%40h:1", "***@h:1"),
        ("https://user:s3@cret%2540h:1", "https://***@h:1"),
        ("user://s3cret@h:1", "***@h:1"),
        ("-----BEGIN PRIVATE KEY-----\ns3cret\n", "(several lines)"),
        ("s3cret\ns3cret", "(several lines)"),
        ("h:1\n", "h:1\n"),
        ("http://user:sec,ret@h:1", "http://***@h:1"),
        ("http://user:sec@ret@h:1", "http://***@h:1"),
        ("http://u:secret@a:1,http://v:secret@b:2", "http://***@b:2"),
        ("http://user:sec\nret@h:1", "http://***@h:1"),
        ("http://h:1", "http://h:1"),
        ("h:1", "h:1"),
    ],
)
def test_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "variables",
    [
        {"ETCD_AUTHORITY": "user:secret@h:1"},
        {"ETCD_AUTHORITY": "http://user:secret@h:1"},
        {"ETCD_ENDPOINTS": "http://user:secret@h:x"},
        {"ETCD_ENDPOINTS": "http://user@h:1"},
        {"ETCD_ENDPOINTS": "http://user:secret@h:1,http://user:secret2@h:2"},
        {"ETCD_ENDPOINTS": "http://user:sec/ret@h:1"},
        {"ETCD_ENDPOINTS": "http://user:secret@h:1,http://h"},
        {"ETCD_ENDPOINTS": "user:secret@h:1"},
        {"ETCD_ENDPOINTS": "http://a:1,https://user:secret@h:1"},
        {"ETCD_ENDPOINTS": "http://user:sec,secret@h:1"},
        {"ETCD_ENDPOINTS": "http://user:secret,http://secret@h:1"},
        {"ETCD_ENDPOINTS": "http://user:pa://secret@h:1"},
        {"ETCD_AUTHORITY": "user:secret%40h:1"},
        {"ETCD_SCHEME": "http://user:secret@h"},
        {"CALICOCTL_READ_TIMEOUT": "user:secret@h"},
    ],
)
def test_messages_hide_credentials(variables: dict[str, str]) -> None:
    text = refusal(variables)
    assert "***@h" in text
    assert "secret" not in text
    assert "user" not in text


@pytest.mark.parametrize("content", ["-----BEGIN PRIVATE KEY-----\nsecret", "secret\nsecret\n", "secret" * 60])
@pytest.mark.parametrize(
    "names",
    [["ETCD_KEY_FILE"], ["ETCD_CERT_FILE"], ["ETCD_KEY_FILE", "ETCD_CERT_FILE"], ["ETCD_CA_CERT_FILE"]],
    ids=" ".join,
)
def test_messages_hide_content_of_files(names: list[str], content: str) -> None:
    text = refusal({"ETCD_SCHEME": "https", **dict.fromkeys(names, content)})
    assert text.replace("\n", " ").count("(not a path)") == len(names)
    assert "secret" not in text


def test_messages_hide_key_given_as_address() -> None:
    for name in ("ETCD_AUTHORITY", "ETCD_ENDPOINTS", "ETCD_SCHEME", "CALICOCTL_READ_TIMEOUT"):
        text = refusal({name: "-----BEGIN PRIVATE KEY-----\nsecret\n"})
        assert "(several lines)" in text.replace("\n", " ")
        assert "secret" not in text


# Users of etcd


@pytest.mark.parametrize(
    ("variables", "sent"),
    [
        ({}, None),
        ({"ETCD_ENDPOINTS": "https://root:secret@h:1"}, "root:secret"),
        ({"ETCD_ENDPOINTS": "https://root:s%40%2C%2f%25:@h:1, https://i:2"}, "root:s@,/%:"),
        ({"ETCD_ENDPOINTS": "http://root:@h:1,http://root:@i:2"}, "root:"),
        ({"ETCD_ENDPOINTS": "http://h:1", "ETCD_USERNAME": "root", "ETCD_PASSWORD": "s@:/ä"}, "root:s@:/ä"),
        ({"ETCD_USERNAME": "root"}, "root:"),
        ({"ETCD_ENDPOINTS": "http://a:b@h:1", "ETCD_USERNAME": "root", "ETCD_PASSWORD": "secret"}, "a:b"),
    ],
)
def test_user_and_password(variables: dict[str, str], sent: str | None) -> None:
    settings = Settings.from_environment(variables)
    assert all("@" not in endpoint for endpoint in settings.endpoints)
    headers = {} if sent is None else {"Authorization": f"Basic {base64.b64encode(sent.encode()).decode()}"}
    assert settings.authorization() == headers


def test_password_without_user() -> None:
    text = refusal({"ETCD_PASSWORD": "secret"})
    assert text == "ETCD_PASSWORD is set, but ETCD_USERNAME is not. Set both or none.\n"


def test_user_with_colon() -> None:
    assert refusal({"ETCD_USERNAME": "a:b"}) == "Invalid ETCD_USERNAME. A user name cannot contain a colon.\n"
