"""What is found of the kernel and its modules, below a folder in the place of /."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from calicoctl.host.system_checks import MODULES, Check, check_kernel, check_module

RELEASE = "5.10.0-8-amd64"
FOLDER = f"lib/modules/{RELEASE}"
WARNING = "WARNING: Unable to detect the {} module as available or builtin."
# The line of modules.dep, the line of modules.builtin and the option of the kernel for each module
FORMS = {
    "xt_set": ("kernel/net/netfilter/xt_set.ko: kernel/net/netfilter/x_tables.ko", "kernel/net/netfilter/xt_set.ko",
               "CONFIG_NETFILTER_XT_SET"),
    "ip6_tables": ("kernel/net/ipv6/netfilter/ip6_tables.ko.xz:", "kernel/net/ipv6/netfilter/ip6_tables.ko",
                   "CONFIG_IP6_NF_IPTABLES"),
}  # fmt: skip


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def told(check: Check) -> tuple[str, str, str, str]:
    return check.name, check.result, check.reason, check.complaint


# Modules


@pytest.mark.parametrize("module", MODULES)
def test_where_a_module_is_found(module: str, tmp_path: Path) -> None:
    in_dep, in_builtin, option = FORMS[module]
    places = {
        "proc/modules": (f"x 1 0 - Live 0x0\n{module} 16384 3 - Live 0x0\n", "loaded"),
        f"{FOLDER}/modules.dep": (f"a/b.ko:\n{in_dep}\n", "can be loaded"),
        f"{FOLDER}/modules.builtin": (f"a/b.ko\n{in_builtin}\n", "built in"),
        f"boot/config-{RELEASE}": (f"CONFIG_X=m\n{option}=y\n", f"built in, by {option} of the kernel's configuration"),
        f"{FOLDER}/config": (f"{option}=y\n", f"built in, by {option} of the kernel's configuration"),
        "proc/net/ip6_tables_matches": ("udp\nset\n", "in the kernel, by /proc/net/ip6_tables_matches"),
    }
    for number, (path, (text, reason)) in enumerate(places.items()):
        put(tmp_path / str(number), path, text)
        assert told(check_module(module, RELEASE, f"{tmp_path}/{number}")) == (f"module {module}", "ok", reason, "")


def test_the_matches_of_ipv4_show_the_one_module(tmp_path: Path) -> None:
    put(tmp_path, "proc/net/ip_tables_matches", "set\n")
    reason = "in the kernel, by /proc/net/ip_tables_matches"
    assert told(check_module("xt_set", RELEASE, str(tmp_path))) == ("module xt_set", "ok", reason, "")
    assert check_module("ip6_tables", RELEASE, str(tmp_path)).result == "unknown"


def test_configuration_in_proc(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "config.gz").write_bytes(gzip.compress(b"CONFIG_IP6_NF_IPTABLES=y\n"))
    assert check_module("ip6_tables", RELEASE, str(tmp_path)).result == "ok"
    assert told(check_module("xt_set", RELEASE, str(tmp_path))) == (
        "module xt_set", "FAIL", "not loaded, and the kernel is configured without CONFIG_NETFILTER_XT_SET",
        WARNING.format("xt_set"),
    )  # fmt: skip


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"CONFIG_X=y\n" * 1000)[:-20]], ids=["other", "cut"])
def test_unreadable_configuration(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "config.gz").write_bytes(content)
    assert check_module("xt_set", RELEASE, str(tmp_path)).result == "unknown"


@pytest.mark.parametrize("module", MODULES)
def test_missing_module(module: str, tmp_path: Path) -> None:
    nearly = f"kernel/net/my_{module}.ko:\nkernel/net/{module}2.ko:\n"
    put(tmp_path, f"{FOLDER}/modules.dep", nearly)
    put(tmp_path, f"{FOLDER}/modules.builtin", nearly.replace(":", ""))
    put(tmp_path, "proc/modules", f"{module}2 1 0 - Live 0x0\n")
    put(tmp_path, "proc/net/ip_tables_matches", "settle\n")
    assert told(check_module(module, RELEASE, str(tmp_path))) == (
        f"module {module}", "FAIL", f"not loaded, and not listed in /{FOLDER}", WARNING.format(module)
    )


@pytest.mark.parametrize("files", [[], ["modules.dep"], ["modules.builtin"]], ids=str)
def test_missing_information_is_not_a_failure(files: list[str], tmp_path: Path) -> None:
    for file in files:
        put(tmp_path, f"{FOLDER}/{file}", "")
    put(tmp_path, f"boot/config-{RELEASE}", "CONFIG_NETFILTER_XT_SET=m\n")
    assert told(check_module("xt_set", RELEASE, str(tmp_path))) == (
        "module xt_set", "unknown",
        f"not loaded, and neither /{FOLDER} nor the kernel's configuration shows whether it can be", "",
    )  # fmt: skip


# The kernel


@pytest.mark.parametrize("release", ["2.6.24", "2.6.32-754.el6.x86_64", "3.0", "5.10.0-8-amd64", "6.18.44+", "10.0.1"])
def test_supported_kernel(release: str) -> None:
    assert told(check_kernel(release)) == ("kernel", "ok", release, "")


@pytest.mark.parametrize("release", ["2.6.23", "2.6.9-99.EL", "2.4", "1.999.999"])
def test_kernel_too_old(release: str) -> None:
    assert told(check_kernel(release)) == (
        "kernel", "FAIL", f"{release}; 2.6.24 or later is needed",
        f"Minimum kernel version to run Calico is 2.6.24.\nDetected kernel version: {release}",
    )  # fmt: skip


@pytest.mark.parametrize("release", ["", "x", "v5.10"])
def test_release_without_a_version(release: str) -> None:
    assert told(check_kernel(release)) == (
        "kernel", "FAIL", f"'{release}' is not the version of a kernel",
        "ERROR: The kernel version does not match expected semantic versioning.",
    )  # fmt: skip
