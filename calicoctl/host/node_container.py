"""The container of a node, as legacy calicoctl v0.23.1 starts it: its environment, its folders, its command line."""

from __future__ import annotations

import os
import re
import shlex

from calicoctl.errors import CommandError
from calicoctl.etcd.settings import tls_files
from calicoctl.host import program
from calicoctl.host.kernel_settings import Setting
from calicoctl.host.system_checks import MODULES
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NODE = "calico-node"
LIBNETWORK = "calico-libnetwork"  # of older versions: the plugin was a container of its own
STARTED = "Calico node started successfully"  # what the container prints when its services run
UNIT = f"{NODE}.service"

_LOGS = "/var/log/calico"
_SOCKETS = "/var/run/calico"
_MODULES = "/lib/modules"
_PLUGINS = "/run/docker/plugins"
_CERTIFICATES = "/etc/calico/certs"
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_./:=,@+-]+")  # needs no quotes in a unit


class NodeContainer:
    """A container to create: ``image``, ``environment`` as ``NAME=value``, ``binds`` as ``host:container:mode``."""

    def __init__(self, image: str, environment: Sequence[str], binds: Sequence[str]) -> None:
        self.image = image
        self.environment = environment
        self.binds = binds

    @property
    def volumes(self) -> list[str]:
        """The paths in the container at which files of the host are mounted."""
        return [bind.split(":")[1] for bind in self.binds]

    def docker_run(self, detach: bool) -> str:
        """Return the command line that starts the container, quoted for a shell."""
        mode = ["-d"] if detach else []
        return shlex.join(["docker", "run", *mode, "--restart=always", *self._options(), self.image])

    def unit(self, settings: Sequence[Setting]) -> str:
        """Return a systemd unit that changes ``settings``, then runs the container in the foreground.

        The container has no restart policy: systemd restarts it, not Docker.
        """
        docker = program.find("docker") or "/usr/bin/docker"
        modprobe = program.find("modprobe") or "/sbin/modprobe"
        prepare = [
            f"ExecStartPre={'' if setting.required else '-'}/bin/sh -c '{_unit_text(setting.as_shell())}'"
            for setting in settings
        ]
        run = " ".join(map(_unit_word, [docker, "run", *self._options(), self.image]))
        return "\n".join(
            [
                "[Unit]",
                "Description=calico-node",
                "Wants=network-online.target",
                "Requires=docker.service",
                "After=docker.service network-online.target",
                "",
                "[Service]",
                f"ExecStartPre=-{modprobe} -a {' '.join(MODULES)}",
                *prepare,
                f"ExecStartPre=-{docker} rm -f {NODE}",
                f"ExecStart={run}",
                f"ExecStop=-{docker} stop {NODE}",
                "Restart=always",
                "RestartSec=5",
                "",
                "[Install]",
                "WantedBy=multi-user.target",
            ]
        )

    def _options(self) -> list[str]:
        options = ["--net=host", "--privileged", f"--name={NODE}"]
        options += [word for variable in self.environment for word in ("-e", variable)]
        return options + [word for bind in self.binds for word in ("-v", bind.removesuffix(":rw"))]


def node_container(
    host: str,
    image: str,
    addresses: tuple[str, str],
    as_number: str,
    backend: str,
    log_dir: str,
    libnetwork: bool,
    variables: Mapping[str, str],
) -> NodeContainer:
    """Return the container of a host's node.

    ``addresses`` are those of IPv4 and IPv6 to use, ``as_number`` its AS number, in decimal; each is empty if it is not
    given. ``variables`` are the environment variables, of which it gets those that say where etcd is. Raises
    CommandError for a value that Docker cannot be given.
    """
    binds = [
        _bind(log_dir, _LOGS, "--log-dir"),
        f"{_SOCKETS}:{_SOCKETS}:rw",
        f"{_MODULES}:{_MODULES}:rw",
        *([f"{_PLUGINS}:{_PLUGINS}:rw"] if libnetwork else []),
    ]
    environment = [
        f"HOSTNAME={host}",
        f"IP={addresses[0]}",
        f"IP6={addresses[1]}",
        f"CALICO_NETWORKING_BACKEND={backend}",
        f"AS={as_number}",
        f"NO_DEFAULT_POOLS={variables.get('NO_DEFAULT_POOLS', '')}",
        f"CALICO_LIBNETWORK_ENABLED={'true' if libnetwork else 'false'}",
        f"ETCD_AUTHORITY={variables.get('ETCD_AUTHORITY') or '127.0.0.1:2379'}",
        f"ETCD_SCHEME={variables.get('ETCD_SCHEME') or 'http'}",
    ]
    if variables.get("ETCD_ENDPOINTS"):
        environment.append(f"ETCD_ENDPOINTS={variables['ETCD_ENDPOINTS']}")
    for name, path, target in _certificates(variables):
        environment.append(f"{name}={target}")
        binds.append(_bind(path, target, name, "ro"))
    for variable in environment:
        if not variable.isprintable():
            raise CommandError(f"{variable.partition('=')[0]} has a character that cannot be printed.")
    return NodeContainer(image, environment, binds)


def _certificates(variables: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return the files for TLS: the variable, the path, and the path in the container. Raises CommandError."""
    authority, pair = tls_files(variables)
    found = []
    if authority:
        found.append(("ETCD_CA_CERT_FILE", authority, f"{_CERTIFICATES}/ca_cert.crt"))
    if pair:
        certificate, key = pair
        found.append(("ETCD_KEY_FILE", key, f"{_CERTIFICATES}/key.pem"))
        found.append(("ETCD_CERT_FILE", certificate, f"{_CERTIFICATES}/cert.crt"))
    return found


def _bind(path: str, target: str, of: str, mode: str = "rw") -> str:
    """Return a bind for Docker, which takes what does not begin with a slash for the name of a volume."""
    absolute = os.path.abspath(path)
    if not path or ":" in absolute or not absolute.isprintable():
        raise CommandError(
            f"Invalid {of} specified.\nValue provided is '{visible(path)}'; expecting a path in printable characters, "
            "without a colon, which Docker takes for its end"
        )
    return f"{absolute}:{target}:{mode}"


def _unit_word(word: str) -> str:
    """Quote a word of a command line in a unit (systemd.syntax(7) and systemd.service(5))."""
    return word if _PLAIN_WORD.fullmatch(word) else f'"{_unit_text(word)}"'


def _unit_text(text: str) -> str:
    quoted = text.replace("%", "%%").replace("$", "$$")
    for character in ("\\", '"'):
        quoted = quoted.replace(character, f"\\{character}")
    return quoted
