"""calicoctl config."""

from __future__ import annotations

import pytest

from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer

FELIX = "/calico/v1/config"
GLOBAL = "/calico/bgp/v1/global"
HOST = "/calico/bgp/v1/host/h1"
SILENT = Result(0, "", "")
NONE = Result(0, "No value configured\n", "")
SCOPES = {"felix": f"{FELIX}/LogSeverityScreen", "bgp": f"{GLOBAL}/loglevel", "node bgp": f"{HOST}/loglevel"}
LEVELS = {"felix": "none, debug, info, warning, error, critical", "bgp": "none, debug, info",
          "node bgp": "none, debug, info"}  # fmt: skip
OVERRIDE = "Use the --force option to override.\n\n"
FORCED = "The --force option is set.\n\n"


def unknown(name: str) -> str:
    return f"The configuration '{name}' is not recognized as a valid option.\n\n"


@pytest.fixture(autouse=True)
def node(etcd: EtcdServer, calicoctl: Calicoctl) -> EtcdServer:
    """This host, h1, has a node."""
    calicoctl.environ = {**calicoctl.environ, "HOSTNAME": "h1"}
    etcd.put(f"{HOST}/ip_addr_v4", "192.0.2.1")
    return etcd


@pytest.mark.parametrize("scope", SCOPES)
class TestLogLevels:
    def test_set_show_remove(self, scope: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
        config = ["config", *scope.split(), "loglevel"]
        assert calicoctl(*config) == NONE
        for level in LEVELS[scope].split(", "):
            assert calicoctl(*config, level) == SILENT
            assert etcd.get(SCOPES[scope]) == level
            assert calicoctl(*config) == Result(0, f"{level}\n", "")
        index = etcd.index()
        assert calicoctl(*config, level) == SILENT
        assert etcd.index() == index
        assert calicoctl(*config, "--remove") == Result(0, "Value removed\n", "")
        assert etcd.get(SCOPES[scope]) is None
        assert calicoctl(*config, "--remove") == NONE

    @pytest.mark.parametrize("value", ["information", "debugging", "DEBUG", "debug ", "", "x\x1b", "critical!"])
    def test_bad_values(self, value: str, scope: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
        index = etcd.index()
        result = calicoctl("config", *scope.split(), "loglevel", value)
        shown = value.replace("\x1b", "\\x1b")
        hint = f"It must be one of {LEVELS[scope]}.\n\n{OVERRIDE}"
        assert result == Result(
            1,
            "",
            f"The configuration value '{shown}' is not recognized as a valid value.\n"
            + (hint if value else "It is empty; --remove removes a value.\n\n"),
        )
        assert etcd.index() == index

    def test_a_bad_value_with_force(self, scope: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
        result = calicoctl("config", *scope.split(), "loglevel", "trace", "--force")
        assert result.status == 0
        assert result.stderr.startswith(
            "The configuration value 'trace' is not recognized as a valid value.\n"
            f"It must be one of {LEVELS[scope]}.\n\n{FORCED}"
        )
        assert ("Warning: Felix ends when it starts with 'trace'" in result.stderr) == (scope == "felix")
        assert etcd.get(SCOPES[scope]) == "trace"

    def test_an_empty_value_is_refused_with_force_too(
        self, scope: str, calicoctl: Calicoctl, etcd: EtcdServer
    ) -> None:
        index = etcd.index()
        assert calicoctl("config", *scope.split(), "loglevel", "", "--force").status == 1
        assert calicoctl("config", *scope.split(), "other", "", "--force").status == 1
        assert etcd.index() == index

    def test_a_directory(self, scope: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
        etcd.mkdir(SCOPES[scope])
        for more in ([], ["debug"], ["--remove"]):
            assert calicoctl("config", *scope.split(), "loglevel", *more) == Result(
                1, "", f"Cannot read {SCOPES[scope]}: it is a directory.\n"
            )


@pytest.mark.parametrize(("scope", "directory"), [("felix", FELIX), ("bgp", GLOBAL), ("node bgp", HOST)])
class TestUnknownNames:
    def test_force(self, scope: str, directory: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
        config = ["config", *scope.split(), "My-Option"]
        index = etcd.index()
        for more in ([], ["x"], ["--remove"]):
            assert calicoctl(*config, *more) == Result(1, "", unknown("My-Option") + OVERRIDE)
        assert etcd.index() == index
        warned = unknown("My-Option") + FORCED
        assert calicoctl(*config, "any value", "--force") == Result(0, "", warned)
        assert etcd.get(f"{directory}/My-Option") == "any value"
        assert calicoctl(*config, "--force") == Result(0, "any value\n", warned)
        assert calicoctl(*config, "--remove", "--force") == Result(0, "Value removed\n", warned)
        assert calicoctl(*config, "--force") == Result(0, "No value configured\n", warned)

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "../ipam/v4/pool/x", "_hidden", "\udcff"])
    def test_names_that_are_not_one_segment(
        self, name: str, scope: str, directory: str, calicoctl: Calicoctl, etcd: EtcdServer
    ) -> None:
        index = etcd.index()
        shown = name.replace("\udcff", "\\udcff")
        for more in ([], ["x"], ["--remove"]):
            assert calicoctl("config", *scope.split(), name, *more, "--force") == Result(
                1,
                "",
                f"{unknown(shown)}{FORCED}Invalid configuration name: '{shown}'. It must be valid UTF-8, and "
                "must not be empty, contain a slash, begin with '_', or be '.' or '..'.\n",
            )
        assert etcd.index() == index

    def test_names_that_need_quoting(
        self, scope: str, directory: str, calicoctl: Calicoctl, etcd: EtcdServer
    ) -> None:
        for name in ("a%2fb", "a?recursive=true", "é", "a b", "..."):
            assert calicoctl("config", *scope.split(), name, "x", "--force").status == 0
            assert etcd.get(f"{directory}/{name}") == "x"


@pytest.mark.parametrize("scope", ["bgp", "node bgp"])
@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("as_num", "Use 'calicoctl bgp default-node-as', or 'calicoctl node --as=<AS_NUM>' for one node."),
        ("node_mesh", "Use 'calicoctl bgp node-mesh'."),
        ("peer_v4", "Use 'calicoctl bgp peer' or 'calicoctl node bgp peer'."),
        ("peer_v6", "Use 'calicoctl bgp peer' or 'calicoctl node bgp peer'."),
        ("ip_addr_v4", "Use 'calicoctl node --ip=<IP>'."),
        ("ip_addr_v6", "Use 'calicoctl node --ip6=<IP6>'."),
        ("custom_filters", "It is a directory, from which BIRD's filters are read."),
    ],
)
def test_settings_of_other_commands(name: str, use: str, scope: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    index = etcd.index()
    for more in ([], ["zzz"], ["--remove"]):
        for force in ([], ["--force"]):
            assert calicoctl("config", *scope.split(), name, *more, *force) == Result(
                1, "", f"'{name}' cannot be set with 'calicoctl config'. {use}\n"
            )
    assert etcd.index() == index


def test_warning_about_values_that_make_felix_exit(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    result = calicoctl("config", "felix", "MetadataPort", "many", "--force")
    warning = "Warning: Felix ends when it starts with 'many': it is not a whole number.\n"
    assert result == Result(0, "", unknown("MetadataPort") + FORCED + warning)
    assert calicoctl("config", "felix", "MetadataPort", "8775", "--force").stderr == unknown("MetadataPort") + FORCED


def test_stored_values_are_shown_safely(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{GLOBAL}/loglevel", "a\x1b[2J\nb")
    assert calicoctl("config", "bgp", "loglevel") == Result(0, "a\\x1b[2J\\x0ab\n", "")
    etcd.put(f"{GLOBAL}/loglevel", "")
    assert calicoctl("config", "bgp", "loglevel") == NONE


def test_another_host(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put("/calico/bgp/v1/host/h2/ip_addr_v4", "192.0.2.2")
    assert calicoctl("config", "node", "bgp", "loglevel", "debug", "--hostname=h2") == SILENT
    assert etcd.get("/calico/bgp/v1/host/h2/loglevel") == "debug"
    assert calicoctl("config", "node", "bgp", "loglevel") == NONE
    assert calicoctl("config", "node", "bgp", "loglevel", "--hostname=h2") == Result(0, "debug\n", "")
    assert calicoctl("config", "bgp", "loglevel", "--hostname=h2").status == 1
