"""Precedence of sources, and messages for invalid values and files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from calicoctl.configuration.order import Configuration
from calicoctl.errors import CommandError
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer


class Places:
    """The configuration files in a directory: `system`, `other` for --config, and the user's below `home`."""

    def __init__(self, folder: Path) -> None:
        self.system, self.other = str(folder / "calicoctl.cfg"), str(folder / "other.cfg")
        self.home = str(folder / "home")
        self.user = folder / "home" / ".config" / "calicoctl"
        self.user.mkdir(parents=True)

    def config(self, path: str, *members: str) -> None:
        spec = "".join(f"  {member}\n" for member in members)
        Path(path).write_text(f"apiVersion: v1\nkind: calicoApiConfig\nspec:\n{spec}", encoding="utf-8")

    def contexts(self, current: str = "", **contexts: list[str]) -> None:
        lines = ["contexts:"]
        for name, members in contexts.items():
            lines += [f"  {name}:", *(f"    {member}" for member in members)]
        (self.user / "config.yaml").write_text("\n".join(lines), encoding="utf-8")
        if current:
            (self.user / "current-context").write_text(f"{current}\n", encoding="utf-8")

    def found(self, options: dict[str, str] | None = None, **variables: str) -> dict[str, str]:
        """The effective values by variable."""
        found = Configuration({"HOME": self.home, **variables}, options or {}, self.system)
        return {name: value.text for name, value in found.values.items()}

    def refusal(self, options: dict[str, str] | None = None, **variables: str) -> str:
        with pytest.raises(CommandError) as raised:
            self.found(options, **variables)
        return raised.value.message.replace(self.home, "~").replace(str(Path(self.system).parent), "")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


@pytest.fixture
def calico(calicoctl: Calicoctl, places: Places) -> Calicoctl:
    """calicoctl with the files of `places` and no environment variable that locates etcd."""
    return Calicoctl({"PATH": calicoctl.environ["PATH"], "HOME": places.home}, system_file=places.system)


# Precedence


def test_each_source_overrides_those_below(places: Places) -> None:
    assert places.found() == {}
    places.config(places.system, "etcdAuthority: system:1")
    assert places.found() == {"ETCD_AUTHORITY": "system:1"}
    places.contexts("one", one=["etcdAuthority: one:1"], two=["etcdEndpoints: http://two:1"])
    assert places.found() == {"ETCD_AUTHORITY": "one:1"}
    assert places.found(ETCD_ENDPOINTS="http://e:1") == {"ETCD_ENDPOINTS": "http://e:1"}
    assert places.found({"--context": "two"}, ETCD_AUTHORITY="e:1") == {"ETCD_ENDPOINTS": "http://two:1"}
    places.config(places.other, "etcdAuthority: other:1")
    assert places.found({"--config": places.other}, ETCD_ENDPOINTS="http://e:1") == {"ETCD_AUTHORITY": "other:1"}


def test_first_source_with_address_ends_search(places: Places) -> None:
    """The password for one etcd must not be sent to another."""
    places.config(places.system, "etcdAuthority: system:1", "etcdUsername: u", "etcdPassword: p")
    places.contexts("one", one=["etcdAuthority: one:1"])
    assert places.found() == {"ETCD_AUTHORITY": "one:1"}
    assert places.found(ETCD_AUTHORITY="e:1") == {"ETCD_AUTHORITY": "e:1"}
    secrets = {"ETCD_USERNAME": "u", "ETCD_PASSWORD": "p", "ETCD_SCHEME": "https"}
    assert places.found({"--context": "one"}, **secrets) == {"ETCD_AUTHORITY": "one:1"}


def test_sources_without_address_are_combined(places: Places) -> None:
    places.config(places.system, "etcdAuthority: system:1", "etcdUsername: u", "etcdPassword: p", "etcdScheme: http")
    places.contexts("one", one=["etcdUsername: root", "etcdScheme: https"])
    assert places.found(ETCD_SCHEME="http", ETCD_PASSWORD="") == {
        "ETCD_SCHEME": "http", "ETCD_USERNAME": "root", "ETCD_PASSWORD": "p", "ETCD_AUTHORITY": "system:1"
    }  # fmt: skip


def test_variable_prefix(places: Places) -> None:
    prefixed = {"CALICO_ETCD_AUTHORITY": "c:1", "CALICO_ETCD_SCHEME": "", "CALICO_X": "y"}
    variables = {**prefixed, "ETCD_AUTHORITY": "e:1", "ETCD_SCHEME": "https"}
    found = Configuration(variables, {}, places.system).variables()
    assert found == {"CALICO_X": "y", "ETCD_AUTHORITY": "c:1", "ETCD_SCHEME": "https"}


def test_xdg_config_home(places: Places, tmp_path: Path) -> None:
    places.contexts("one", one=["etcdAuthority: one:1"])
    assert places.found(XDG_CONFIG_HOME=str(places.user.parent), HOME="/none") == {"ETCD_AUTHORITY": "one:1"}
    assert places.found(XDG_CONFIG_HOME=str(tmp_path)) == {}
    assert places.found(XDG_CONFIG_HOME="relative") == {"ETCD_AUTHORITY": "one:1"}
    assert places.found(HOME="") == {}


def test_unneeded_files_are_not_read(places: Places) -> None:
    Path(places.system).write_text("{", encoding="utf-8")
    (places.user / "config.yaml").write_text("{", encoding="utf-8")
    (places.user / "current-context").write_text("one", encoding="utf-8")
    assert places.found(ETCD_AUTHORITY="e:1") == {"ETCD_AUTHORITY": "e:1"}


def test_relative_paths_start_at_directory_of_file(places: Places, tmp_path: Path) -> None:
    places.config(places.system, "etcdCACertFile: ca.pem", "etcdKeyFile: /k.pem", "etcdCertFile: ../c.pem")
    assert places.found() == {
        "ETCD_CA_CERT_FILE": f"{tmp_path}/ca.pem",
        "ETCD_KEY_FILE": "/k.pem",
        "ETCD_CERT_FILE": f"{tmp_path}/../c.pem",
    }


def test_kubernetes_members_are_accepted_beside_etcd(places: Places) -> None:
    places.config(places.system, "datastoreType: etcdv2", "kubeconfig: /x", 'k8sAPIToken: "t"', "etcdAuthority: h:1")
    assert places.found() == {"DATASTORE_TYPE": "etcdv2", "ETCD_AUTHORITY": "h:1"}


# Commands


def test_commands_use_configured_etcd(
    calico: Calicoctl, calicoctl: Calicoctl, etcd: EtcdServer, places: Places
) -> None:
    calicoq = Calicoctl(calico.environ, "calicoq", places.system)
    etcd.put("/calico/v1/Ready", "true")
    assert calicoctl("profile", "add", "P").status == 0
    here, nowhere = f"etcdAuthority: {etcd.endpoint}", "etcdAuthority: 127.0.0.1:1"
    places.contexts(here=[here], nowhere=[nowhere])
    places.config(places.system, nowhere)
    places.config(places.other, f'etcdEndpoints: "http://{etcd.endpoint}"')
    shown = Result(0, "+------+\n| Name |\n+------+\n|  P   |\n+------+\n", "")
    for options in (["--context", "here"], ["--context=here"], ["--config", places.other], ["-c", places.other]):
        assert calico(*options, "profile", "show") == shown
        assert calicoq(*options, "check").status == 0
        offered = calico("completion", "candidates", "--", "calicoctl", *options, "profile", "remove", "")
        assert offered == Result(0, "P\n", "")
    for options in ([], ["--context=nowhere"]):
        assert calico(*options, "profile", "show").status == 1
        assert calicoq(*options, "check").status == 2
        assert calico("completion", "candidates", "--", "calicoctl", *options, "profile", "remove", "").stdout == ""
    assert calico("context", "use", "here").status == 0
    assert calico("profile", "show") == shown
    assert calicoq("check").status == 0
    assert calico("profile", "show", env={"CALICO_ETCD_AUTHORITY": "127.0.0.1:1"}).status == 1


def test_error_ends_with_source_of_value(calico: Calicoctl, places: Places) -> None:
    places.config(places.system, "etcdAuthority: h")
    assert calico("profile", "show") == Result(
        1, "",
        "Invalid ETCD_AUTHORITY. Address must take the form <address>:<port>. Value\nprovided is 'h'\n"
        f"ETCD_AUTHORITY comes from etcdAuthority in line 4 of {places.system}.\n\n",
    )  # fmt: skip
    places.config(places.system, "etcdEndpoints: http://127.0.0.1:1", "etcdPassword: s3cret")
    assert calico("profile", "show") == Result(
        1, "",
        "ETCD_PASSWORD is set, but ETCD_USERNAME is not. Set both or none.\n"
        f"ETCD_PASSWORD comes from etcdPassword in line 5 of {places.system}.\n\n",
    )  # fmt: skip
    places.config(places.system, "etcdEndpoints: https://127.0.0.1:1", "etcdCACertFile: none")
    assert calico("profile", "show").stderr.splitlines()[-2:] == [
        f"ETCD_CA_CERT_FILE comes from etcdCACertFile in line 5 of {places.system}.", ""
    ]  # fmt: skip
    result = calico("profile", "show", env={"CALICO_ETCD_AUTHORITY": "h"})
    assert result.stderr.endswith("\nETCD_AUTHORITY comes from CALICO_ETCD_AUTHORITY in the environment.\n\n")


def test_connection_error_ends_with_source_of_address(calico: Calicoctl, places: Places) -> None:
    places.contexts(one=["etcdEndpoints: http://127.0.0.1:1"])
    assert calico("--context=one", "profile", "show") == Result(
        1, "",
        "Error accessing etcd at http://127.0.0.1:1 (Connection refused).  Is etcd running?\n"
        f"ETCD_ENDPOINTS comes from etcdEndpoints in line 3 of {places.user}/config.yaml (context one).\n",
    )  # fmt: skip


def test_help_and_version_read_no_file(calico: Calicoctl, places: Places) -> None:
    Path(places.system).write_text("{", encoding="utf-8")
    for words in (["--help"], ["profile", "--help"], ["version"], ["help"], ["completion", "bash"]):
        assert calico(*words).status == 0


# Invalid files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "/calicoctl.cfg: apiVersion is missing; it has to be v1."),
        ("apiVersion: v1\n", "/calicoctl.cfg: kind is missing; it has to be calicoApiConfig."),
        ("apiVersion: v2\n", "/calicoctl.cfg, line 1: apiVersion has to be v1."),
        (
            "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nmetadata:\nspec:\n  etcdEndpoints: http://h:1\n",
            "/calicoctl.cfg, line 1: apiVersion has to be v1.",
        ),
        ("apiVersion: v1\nkind: calicoapiconfig\n", "/calicoctl.cfg, line 2: kind has to be calicoApiConfig."),
        (
            "apiVersion: v1\nkind: calicoApiConfig\nmetadata:\n  name: x\n",
            "/calicoctl.cfg, line 3: metadata has to be empty.",
        ),
        (
            "apiVersion: v1\nkind: calicoApiConfig\nspec: x\n",
            "/calicoctl.cfg, line 3: spec must contain members, indented and one per line.",
        ),
        (
            "apiVersion: v1\nkind: calicoApiConfig\nspce:\n  etcdAuthority: h:1\n",
            "/calicoctl.cfg, line 3: unknown member 'spce'. Did you mean spec?",
        ),
        (
            "apiVersion: v1\nkind: calicoApiConfig\nspec:\n  etcdauthority: h:1\n",
            "/calicoctl.cfg, line 4: unknown member 'etcdauthority'. Did you mean etcdAuthority?",
        ),
        (
            "apiVersion: v1\nkind: calicoApiConfig\nspec:\n  etcdAuthority:\n    h: 1\n",
            "/calicoctl.cfg, line 4: etcdAuthority has to be text.",
        ),
        (
            "apiVersion: v1\nkind: calicoApiConfig\nspec:\n  etcdEndpoints:\n  - http://h:1\n",
            "/calicoctl.cfg, line 4: etcdEndpoints is a list; write text, with commas between several endpoints.",
        ),
        ("contexts:\n", "/calicoctl.cfg, line 1: unknown member 'contexts'."),
        ("a: b: c\n", "/calicoctl.cfg, line 1: mapping values are not allowed here."),
        ("\x1b[2J: x\n", "/calicoctl.cfg, line 1: control characters are not allowed in YAML."),
        ('"\\e[2J": x\n', "/calicoctl.cfg, line 1: unknown member '\\x1b[2J'."),
        ("#" * 300_000, "Error reading config file: /calicoctl.cfg: it has more than 256 KB."),
        (
            "apiVersion: v1\nkind: calicoApiConfig\nspec:\n  datastoreType: kubernetes\n  kubeconfig: /x\n",
            "The datastore type 'kubernetes' is not supported, only etcdv2 is: "
            "datastoreType in line 4 of /calicoctl.cfg.",
        ),
    ],
)
def test_invalid_system_file(places: Places, text: str, message: str) -> None:
    Path(places.system).write_text(text, encoding="utf-8")
    assert places.refusal() == message


def test_other_datastore_in_environment(places: Places) -> None:
    said = "The datastore type 'kubernetes' is not supported, only etcdv2 is: "
    assert places.refusal(DATASTORE_TYPE="kubernetes") == f"{said}DATASTORE_TYPE in the environment."
    assert places.refusal(CALICO_DATASTORE_TYPE="kubernetes") == f"{said}CALICO_DATASTORE_TYPE in the environment."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("contexts: x", "line 1: contexts must contain members, indented and one per line."),
        ("context:\n", "line 1: unknown member 'context'. Did you mean contexts?"),
        ("contexts:\n  one: h:1\n", "line 2: one must contain members, indented and one per line."),
        ("contexts:\n  one:\n  two:\n    user: x\n", "line 4: unknown member 'user'."),
        (
            "contexts:\n  'a b':\n    etcdAuthority: h:1\n",
            "line 2: the name of a context has letters, digits, '_', '.' and '-': 'a b'.",
        ),
    ],
)
def test_invalid_contexts_file(places: Places, text: str, message: str) -> None:
    (places.user / "config.yaml").write_text(text, encoding="utf-8")
    assert places.refusal({"--context": "one"}) == f"~/.config/calicoctl/config.yaml, {message}"


def test_missing_contexts(places: Places) -> None:
    missing = "There is no context 'prd' in ~/.config/calicoctl/config.yaml."
    assert places.refusal({"--context": "prd"}) == f"{missing}\nSee 'calicoctl context list' for the existing ones."
    places.contexts("prd", prod=["etcdAuthority: h:1"])
    assert places.refusal() == (
        f"{missing} Did you mean prod?\n"
        "It was chosen with 'calicoctl context use': choose another one, or none with --none."
    )
    assert places.refusal({"--context": "prod"}, HOME="") == (
        "Cannot find the file with your contexts: set HOME or XDG_CONFIG_HOME."
    )


def test_unreadable_files(places: Places, tmp_path: Path) -> None:
    assert places.refusal({"--config": places.other}) == (
        "Error reading config file: /other.cfg: No such file or directory."
    )
    assert places.refusal({"--config": "\0"}) == "Error reading config file: \\x00: No such file or directory."
    os.mkdir(places.system)
    assert places.refusal() == "Error reading config file: /calicoctl.cfg: Is a directory."
    Path(places.other).write_bytes(b"a: b\n\xff")
    assert places.refusal({"--config": places.other}) == "/other.cfg, line 2: it is not UTF-8."
    (places.user / "current-context").symlink_to(tmp_path / "none")  # a dangling link
    assert places.refusal() == (
        "Error reading config file: ~/.config/calicoctl/current-context: No such file or directory."
    )


def test_config_and_context_together(places: Places) -> None:
    both = {"--config": places.other, "--context": "one"}
    assert places.refusal(both) == "--config and --context cannot be given together: each says where etcd is."
