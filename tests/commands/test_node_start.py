"""What `calicoctl node` refuses before it looks at anything."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calicoctl.host.node_container import NodeContainer
from tests.conftest import Calicoctl, Result

WITHIN = "1 to 4294967295, or two numbers from 0 to 65535 with a dot between them, such as 1.10"
IPV4 = "Invalid IPv4 address specified with --ip argument.\n"
IPV6 = "Invalid IPv6 address specified with --ip6 argument.\n"
NUMBER = "Invalid AS Number specified.\n"
DETACH = "Valid values for --detach are 'true' and 'false'\n"
RUNTIME = "Runtime must be 'docker', 'rkt' or 'none'.\n"
BACKEND = "Valid values for --backend are 'bird', 'gobgp' and 'none'\n"
TIMEOUT = "Invalid start-timeout specified.\n"
FOLDER = "Invalid --log-dir specified.\n"
EXPECTED = "expecting a path in printable characters, without a colon, which Docker takes for its end\n"
IMAGE = "Invalid Docker image name specified.\n"
REFUSED = [
    ("--ip=10", f"{IPV4}Value provided is '10'\n"),
    ("--ip=10.0.0.1/24", f"{IPV4}Value provided is '10.0.0.1/24'\n"),
    ("--ip=fd80::1", f"{IPV4}Value provided is 'fd80::1'; it is an IPv6 address\n"),
    ("--ip=0.0.0.0", f"{IPV4}Value provided is '0.0.0.0'; it is the address of no host\n"),
    ("--ip6=10.0.0.1", f"{IPV6}Value provided is '10.0.0.1'; it is an IPv4 address\n"),
    ("--ip6=fe80::1%eth0", f"{IPV6}Value provided is 'fe80::1%eth0'\n"),
    ("--as=x", f"{NUMBER}Value provided is 'x'; expecting {WITHIN}\n"),
    ("--as=0", f"{NUMBER}Value provided is '0'; expecting {WITHIN}\n"),
    ("--as=1.2.3", f"{NUMBER}Value provided is '1.2.3'; expecting {WITHIN}\n"),
    ("--detach=", f"{DETACH}Value provided is ''\n"),
    ("--detach=True", f"{DETACH}Value provided is 'True'\n"),
    ("--runtime=podman", f"{RUNTIME}Value provided is 'podman'\n"),
    ("--backend=bogus", f"{BACKEND}Value provided is 'bogus'\n"),
    ("--backend=", f"{BACKEND}Value provided is ''\n"),
    ("--start-timeout=0", f"{TIMEOUT}Value provided is '0'; expecting seconds, from 1 to 3600\n"),
    ("--start-timeout=1e3", f"{TIMEOUT}Value provided is '1e3'; expecting seconds, from 1 to 3600\n"),
    ("--node-image=", f"{IMAGE}Value provided is ''\n"),
    ("--node-image=a//b", f"{IMAGE}Value provided is 'a//b'\n"),
    ("--node-image=../x", f"{IMAGE}Value provided is '../x'\n"),
    ("--node-image=a b", f"{IMAGE}Value provided is 'a b'\n"),
    ("--log-dir=", f"{FOLDER}Value provided is ''; {EXPECTED}"),
    ("--log-dir=/a:b", f"{FOLDER}Value provided is '/a:b'; {EXPECTED}"),
]  # fmt: skip


def node(calicoctl: Calicoctl, *options: str, **env: str | None) -> Result:
    return calicoctl("node", *options, env={"HOSTNAME": "h1", "DOCKER_HOST": "unix:///none", **env})


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with arguments is said before the command looks who gives it."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)


@pytest.mark.parametrize("option, complaint", REFUSED)
def test_invalid_values(calicoctl: Calicoctl, option: str, complaint: str) -> None:
    """[BUG] Among them `--ip=10`, `--detach=`, `--as=1.2.3` and `--backend=bogus`, which legacy took or failed of."""
    assert node(calicoctl, option) == Result(1, "", complaint)


def test_all_invalid_values_are_reported(calicoctl: Calicoctl) -> None:
    result = node(calicoctl, "--runtime=x", "--detach=x", "--as=x", "--ip6=x", "--ip=x", "--backend=x")
    sentences = [IPV4, IPV6, NUMBER, DETACH, RUNTIME, BACKEND]
    values = ["Value provided is 'x'\n"] * 6
    values[2] = f"Value provided is 'x'; expecting {WITHIN}\n"
    assert result == Result(1, "", "".join(itertools.chain(*zip(sentences, values, strict=True))))
    assert node(calicoctl, "--libnetwork", "--detach=false") == Result(
        1, "", "The only valid value for --detach is 'true' when using libnetwork\n"
    )


@pytest.mark.parametrize("word", ["bird", "gobgp", "none"])
def test_backend_without_its_option_is_refused(calicoctl: Calicoctl, word: str) -> None:
    """[BUG] `calicoctl node none` started a node with BIRD."""
    complaint = f"'{word}' is not an argument of 'calicoctl node'. Did you mean --backend={word}?\n"
    assert node(calicoctl, word) == Result(1, "", complaint)
    assert node(calicoctl, "--backend=none", word) == Result(1, "", complaint)


def test_rkt_is_refused(calicoctl: Calicoctl) -> None:
    assert node(calicoctl, "--runtime=rkt") == Result(
        1, "", "--runtime=rkt is not supported, as rkt is no longer developed: use --runtime=docker.\n"
    )


def test_only_root_may_start(calicoctl: Calicoctl) -> None:
    for options in ([], ["--runtime=none"], ["--ip=", "--ip6=", "--as="]):
        assert node(calicoctl, *options) == Result(2, "", "This command must be run as root.\n")


@pytest.mark.parametrize("option", ["--dryrun", "--init-system"])
def test_dryrun_needs_no_root(calicoctl: Calicoctl, option: str) -> None:
    result = node(calicoctl, option, ETCD_AUTHORITY="192.0.2.1:2379")
    assert (result.status, result.stderr) == (0, "")
    assert "-e ETCD_AUTHORITY=192.0.2.1:2379 " in result.stdout
    assert node(calicoctl, option, "--runtime=none") == Result(
        1, "", "--runtime=none starts no container, so there is no command line or unit to show.\n"
    )


def test_note_that_shown_command_pulls_images(calicoctl: Calicoctl) -> None:
    note = "Note: 'docker run' pulls an image that is missing. --no-pull does not change that.\n"
    for option in ("--dryrun", "--init-system"):
        plain = node(calicoctl, option)
        assert node(calicoctl, option, "--no-pull") == Result(0, plain.stdout, note)


@pytest.mark.parametrize(
    "options, variable, backend",
    [([], None, "bird"), ([], "false", "none"), ([], "true", "bird"), (["--backend=gobgp"], "false", "gobgp")],
)
def test_backend(calicoctl: Calicoctl, options: list[str], variable: str | None, backend: str) -> None:
    result = node(calicoctl, "--dryrun", *options, CALICO_NETWORKING=variable)
    assert f" -e CALICO_NETWORKING_BACKEND={backend} " in result.stdout
    old = "WARNING: CALICO_NETWORKING will be deprecated: use '--backend' instead\n" if variable else ""
    assert result.stderr == old


def test_where_etcd_is(calicoctl: Calicoctl) -> None:
    endpoints = "http://192.0.2.1:2379,http://192.0.2.2:2379"
    result = node(calicoctl, "--dryrun", ETCD_AUTHORITY=None, ETCD_SCHEME=None, ETCD_ENDPOINTS=endpoints)
    assert f" -e ETCD_AUTHORITY=127.0.0.1:2379 -e ETCD_SCHEME=http -e ETCD_ENDPOINTS={endpoints} -v " in result.stdout


def test_where_etcd_is_by_a_configuration_file(calicoctl: Calicoctl, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("apiVersion: v1\nkind: calicoApiConfig\nspec:\n  etcdEndpoints: http://192.0.2.1:2379\n")
    env = {"HOSTNAME": "h1", "ETCD_AUTHORITY": None}
    result = calicoctl(f"--config={tmp_path}/file", "node", "--dryrun", env=env)
    assert " -e ETCD_ENDPOINTS=http://192.0.2.1:2379 -v " in result.stdout


def test_no_password_gets_into_the_container(calicoctl: Calicoctl) -> None:
    for option in ("--dryrun", "--init-system"):
        result = node(calicoctl, option, ETCD_ENDPOINTS="http://user:s3cret@192.0.2.1:2379")
        assert result == Result(
            1,
            "",
            "ETCD_ENDPOINTS has a user and a password, which the container of the node does not support. Set "
            "ETCD_USERNAME and ETCD_PASSWORD instead: only calicoctl uses them.\n",
        )
        shown = node(calicoctl, option, ETCD_USERNAME="user", ETCD_PASSWORD="s3cret")
        assert shown.status == 0 and "s3cret" not in shown.stdout


@pytest.mark.parametrize("text", ["\udcff", "a\nb", "\x1b[2J", "\u202e"])
def test_unprintable_values(calicoctl: Calicoctl, text: str) -> None:
    """A terminal would obey some of them, and a shell or systemd read others otherwise than Docker does."""
    result = node(calicoctl, "--dryrun", NO_DEFAULT_POOLS=text)
    assert result == Result(1, "", "NO_DEFAULT_POOLS has a character that cannot be printed.\n")
    assert node(calicoctl, "--dryrun", f"--log-dir={text}").status == 1


def test_unreadable_certificates(calicoctl: Calicoctl) -> None:
    result = node(calicoctl, "--dryrun", ETCD_CA_CERT_FILE="/none")
    assert (result.status, result.stdout) == (1, "")
    assert result.stderr.startswith("Invalid ETCD_CA_CERT_FILE.")


# Not all of Unicode: its generation took most of the time of the test.
PRINTABLE = st.text(st.characters(max_codepoint=0x17F).filter(str.isprintable))


@given(PRINTABLE, PRINTABLE)
def test_quoted_for_a_shell_and_for_systemd(value: str, path: str) -> None:
    container = NodeContainer("image", [f"A={value}"], [f"/{path}:/x:rw"])
    options = ["--net=host", "--privileged", "--name=calico-node", "-e", f"A={value}", "-v", f"/{path}:/x", "image"]
    assert shlex.split(container.docker_run(detach=True)) == ["docker", "run", "-d", "--restart=always", *options]
    (line,) = [line for line in container.unit([]).split("\n") if line.startswith("ExecStart=")]
    assert words_of_systemd(line.removeprefix("ExecStart="))[1:] == ["run", *options]


def words_of_systemd(line: str) -> list[str]:
    """Read a command line of a unit as systemd.syntax(7) and systemd.service(5) say: quotes, then % and $."""
    words = []
    for plain, quoted in re.findall(r'([^"\s]+)|"((?:[^"\\]|\\["\\])*)"', line):
        word = plain or re.sub(r'\\(["\\])', r"\1", quoted)
        assert re.fullmatch(r"([^%$]|%%|\$\$)*", word), word
        words.append(word.replace("%%", "%").replace("$$", "$"))
    return words
