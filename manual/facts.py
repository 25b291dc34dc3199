"""Facts that are in no usage text: environment variables, files and exit statuses."""

from __future__ import annotations

from dataclasses import dataclass

from manual.blocks import Term

# Commands that never ask etcd. All others do.
WITHOUT_ETCD = {
    "calicoctl completion",
    "calicoctl help",
    "calicoctl validate",
    "calicoctl version",
    "calicoq explain-code",
    "calicoq help",
    "calicoq version",
}


@dataclass(frozen=True)
class Fact:
    """A variable or a file, its meaning, and the commands that use it; no commands means all of them."""

    name: str
    meaning: str
    commands: tuple[str, ...] = ()

    @property
    def term(self) -> Term:
        """The fact as a page shows it."""
        return Term(self.name, self.meaning)


_DOCKER = (
    "calicoctl container", "calicoctl node", "calicoctl status", "calicoctl checksystem", "calicoctl diags"
)  # fmt: skip
_HOST = ("calicoctl container", "calicoctl node", "calicoctl status", "calicoctl diags")
_NODE = ("calicoctl node",)

_CONTEXT = ("calicoctl context",)

ON_TERMINALS = ("NO_COLOR", "CLICOLOR_FORCE", "CALICOCTL_PAGER", "PAGER")
VARIABLES = (
    Fact(
        "ETCD_ENDPOINTS",
        "The endpoints of the etcd cluster, http[s]://ADDRESS:PORT, separated by commas. They are tried in order.",
    ),
    Fact(
        "ETCD_AUTHORITY",
        "One endpoint, ADDRESS:PORT, if ETCD_ENDPOINTS is not set or empty. An IPv6 address is written [::1]:2379. The "
        "default is 127.0.0.1:2379.",
    ),
    Fact("ETCD_SCHEME", "http or https, with ETCD_AUTHORITY. The default is http."),
    Fact(
        "ETCD_CA_CERT_FILE",
        "With https, the file of the certificate authority that signed etcd's certificate. Without it the system's "
        "authorities count.",
    ),
    Fact("ETCD_CERT_FILE", "With https, the file of a client certificate. ETCD_KEY_FILE must be set too."),
    Fact("ETCD_KEY_FILE", "With https, the file of the key of the client certificate."),
    Fact(
        "ETCD_USERNAME",
        "The user of etcd, if etcd has users. It may also be a part of ETCD_ENDPOINTS: "
        "https://USER:PASSWORD@ADDRESS:PORT, with %40 for @. Use https: over http others can read the password.",
    ),
    Fact("ETCD_PASSWORD", "The password of that user."),
    Fact("DATASTORE_TYPE", "The kind of datastore: etcdv2, the only one that is supported."),
    Fact(
        "CALICO_ETCD_ENDPOINTS, CALICO_ETCD_AUTHORITY, ...",
        "Each of the variables above also has a name with the prefix CALICO_, which counts before the name without it.",
    ),
    Fact(
        "XDG_CONFIG_HOME",
        "The directory that has calicoctl/config.yaml. The default is .config in the home directory.",
        _CONTEXT,
    ),
    Fact("CALICOCTL_CONNECT_TIMEOUT", "Seconds to wait for a connection to one endpoint. The default is 5."),
    Fact(
        "CALICOCTL_READ_TIMEOUT",
        "Seconds without a byte of an answer after which a request has failed. The default is 60.",
    ),
    Fact(
        "CALICOCTL_DEBUG",
        "If it is set, each request to etcd is shown on standard error, and an internal error with its traceback.",
    ),
    Fact("NO_COLOR", "If it is set, nothing is printed in colour unless --color is given."),
    Fact("CLICOLOR_FORCE", "If it is set and not 0, colour is printed even if the output is not a terminal."),
    Fact("CALICOCTL_PAGER", "A command for answers that are longer than the terminal; 1 for the one in PAGER."),
    Fact("PAGER", "The pager, if CALICOCTL_PAGER is 1. The default is less -R."),
    Fact("HOSTNAME", "The name of this host in etcd. The default is the system's name.", _HOST),
    Fact("DOCKER_HOST", "Where Docker is. The default is its socket.", _DOCKER),
    Fact("DOCKER_TLS_VERIFY", "If it is set, Docker's certificate is verified.", _DOCKER),
    Fact("DOCKER_CERT_PATH", "The directory of the certificates for Docker.", _DOCKER),
    Fact("NO_DEFAULT_POOLS", "If it is true, a node that starts creates no pools.", _NODE),
    Fact(
        "CALICO_CTL_CONTAINER",
        "If it is set, calicoctl runs in a container and leaves the kernel's settings of the host alone.",
        _NODE,
    ),
    Fact("VISUAL", "The editor.", ("calicoctl edit",)),
    Fact("EDITOR", "The editor, if VISUAL is not set or empty. The default is vi.", ("calicoctl edit",)),
    Fact("TMPDIR", "The directory of temporary files. The default is /tmp.", ("calicoctl edit", "calicoctl diags")),
    Fact(
        "CALICO_NETWORKING",
        "false stands for --backend=none. Deprecated: give the option.",
        ("calicoctl node", "calicoctl status", "calicoctl diags"),
    ),
)

FILES = (
    Fact("/etc/calico/calicoctl.cfg", "Where etcd is, for all users of this host."),
    Fact("~/.config/calicoctl/config.yaml", "The contexts of this user."),
    Fact(
        "/run/calicoctl.lock",
        "It is locked while the network of a container, or the container of the node, is changed: two commands never "
        "change one at once.",
        _HOST,
    ),
    Fact(
        "/var/run/netns/NAME",
        "A network namespace by its name, as 'ip netns add' makes it. Its path stands for the container.",
        ("calicoctl container",),
    ),
    Fact("/var/run/docker.sock", "The socket of Docker.", _DOCKER),
    Fact(
        "/var/run/calico/bird.ctl, /var/run/calico/bird6.ctl",
        "The sockets of BIRD for IPv4 and IPv6. Without them, those of the same names in /var/run/bird.",
        ("calicoctl status", "calicoctl diags"),
    ),
    Fact(
        "$TMPDIR/calicoctl-*.yaml",
        "The file in the editor. It is removed at the end, unless it has changes that were not written.",
        ("calicoctl edit",),
    ),
)

# Commands that must be run as root, or have a part that must be.
FOR_ROOT = {"calicoctl container", "calicoctl node", "calicoctl status", "calicoctl checksystem", "calicoctl diags"}

_REASON = "The command failed, and a message on standard error says why."
_DONE = Term("0", "The command did what it was asked to do, or found it done already.")
_FAILED = Term(
    "1",
    f"{_REASON} Nothing is changed in part unless the message says so. It is also the status of a listing from which a "
    "malformed object had to be left out.",
)
_ROOT = Term("2", "The command must be run as root.")
_INTERRUPTED = Term("130, 143, 129", "SIGINT, SIGTERM or SIGHUP interrupted the command. What it had begun is undone.")
ALL_STATUSES = (
    _DONE,
    _FAILED,
    Term("2", "The command must be run as root; or it uses 1 for a result, as diff does, and it failed."),
    _INTERRUPTED,
)


def statuses(name: str, failure_status: int) -> tuple[Term, ...]:
    """Return the exit statuses of a command of calicoctl and what each means."""
    if failure_status == 1:
        return _DONE, _FAILED, *([_ROOT] if name in FOR_ROOT else []), _INTERRUPTED
    result = Term("0, 1", "The result, as described above.")
    return result, Term(str(failure_status), _REASON), _INTERRUPTED
