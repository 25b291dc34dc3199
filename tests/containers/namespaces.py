"""Network namespaces for tests, and their content."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_NUMBERS = itertools.count(1)


class NoNamespaces(Exception):
    """This machine does not permit network namespaces; the text gives the reason."""


class NetworkNamespace:
    """A network namespace with a name, as `ip netns` creates them."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def path(self) -> str:
        """The path that calicoctl commands use."""
        return f"/var/run/netns/{self.name}"

    @property
    def workload(self) -> str:
        """The id of its workload in etcd."""
        return f"-var-run-netns-{self.name}"

    def ip(self, *arguments: str) -> Any:
        """Run `ip -json` inside the namespace; fail the test if it fails."""
        return ip("-n", self.name, *arguments)

    def links(self) -> list[str]:
        """The names of all interfaces."""
        return _links(self.ip("link", "show"))

    def addresses(self) -> list[str]:
        """All addresses as `interface address/length`, without link-local addresses, which the kernel assigns."""
        return _addresses(self.ip("addr", "show"))

    def routes(self, version: int) -> list[str]:
        """All routes that calicoctl could have added: destination, next hop, interface and metric."""
        return sorted(
            " ".join(str(route[field]) for field in ("dst", "gateway", "dev", "metric") if field in route)
            for route in self.ip(f"-{version}", "route", "show")
            if route.get("protocol") != "kernel"
        )

    def default_routes(self) -> list[str]:
        """All IPv4 default routes as `ip` prints them, with more details than its JSON."""
        words = ["ip", "-4", "-n", self.name, "route", "show", "default"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()

    def state(self) -> tuple[list[str], ...]:
        """Everything that a failed command must have restored."""
        shown = self.ip("addr", "show")
        return _links(shown), _addresses(shown), self.routes(4), self.routes(6)

    def make(self) -> None:
        """Create the namespace. Raises NoNamespaces."""
        try:
            done = subprocess.run(["ip", "netns", "add", self.name], capture_output=True, text=True, check=False)
        except OSError as error:
            raise NoNamespaces(f"ip: {error.strerror}") from None
        if done.returncode != 0:
            raise NoNamespaces(done.stderr.strip())

    def delete(self) -> None:
        """Delete the namespace and everything in it."""
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)

    def clear(self) -> None:
        """Remove every added interface."""
        for name in self.links():
            if name.startswith("eth"):
                self.ip("link", "del", name)

    def add_default_route(self, version: int) -> str:
        """Add an interface `eth0` with a default route, as Docker does; return the route without its metric."""
        address, hop = ("172.30.0.2/24", "172.30.0.1") if version == 4 else ("fd30::2/64", "fd30::1")
        self.add_interface()
        self.ip("addr", "add", address, "dev", "eth0")
        self.ip(f"-{version}", "route", "add", "default", "via", hop, "dev", "eth0")
        return f"default {hop} eth0"

    def add_interface(self) -> None:
        """Add an interface `eth0` without an address."""
        self.ip("link", "add", "eth0", "type", "veth", "peer", "name", "switch")
        self.ip("link", "set", "switch", "up")
        self.ip("link", "set", "eth0", "up")


def _links(shown: Any) -> list[str]:
    return sorted(link["ifname"] for link in shown)


def _addresses(shown: Any) -> list[str]:
    return sorted(
        f"{link['ifname']} {info['local']}/{info['prefixlen']}"
        for link in shown
        for info in link.get("addr_info", ())
        if info["scope"] != "link"
    )


def ip(*arguments: str) -> Any:
    """Run `ip -json` and return what it prints."""
    done = subprocess.run(["ip", "-json", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return [each for each in json.loads(done.stdout or "[]") if each]


def on_host(*names: str) -> list[str]:
    """Return those names that are interfaces of the host."""
    present = {link["ifname"] for link in ip("link", "show")}
    return [name for name in names if name in present]


@contextmanager
def namespaces(count: int = 1) -> Iterator[list[NetworkNamespace]]:
    """Namespaces that exist until the end of the block. Raises NoNamespaces."""
    if os.geteuid() != 0:
        raise NoNamespaces("network namespaces need root")
    made: list[NetworkNamespace] = []
    try:
        for _ in range(count):
            namespace = NetworkNamespace(f"calicoctl-{os.getpid()}-{next(_NUMBERS):04}")
            namespace.make()
            made.append(namespace)
        yield made
    finally:
        for namespace in made:
            namespace.delete()


@cache
def why_no_namespaces() -> str | None:
    """The reason why namespaces cannot be created here; None if they can."""
    try:
        with namespaces():
            return None
    except NoNamespaces as error:
        return str(error)
