"""calicoctl node: start the node of this host, or show how it would be started."""

from __future__ import annotations

import os
import time

from calicoctl.commands.checksystem import version_complaint
from calicoctl.commands.node_arguments import check
from calicoctl.datastore.nodes import stored_settings
from calicoctl.errors import CommandError, status_of
from calicoctl.etcd.settings import Settings
from calicoctl.host import kernel_settings, systemd
from calicoctl.host.docker import Docker, DockerRefused
from calicoctl.host.hostname import hostname
from calicoctl.host.lock import NODE_LOCK, WorkloadLock
from calicoctl.host.node_container import NODE, STARTED, UNIT, node_container
from calicoctl.host.node_docker import ALWAYS, ASIDE, NEVER, NEW, NodeContainers, OutOfTime
from calicoctl.host.rights import check_root
from calicoctl.host.system_checks import kernel_checks
from calicoctl.model.bgp import as_number
from calicoctl.output import paragraph, visible
from calicoctl.signals import Blocked
from calicoctl.undo import Undo

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments
    from calicoctl.host.node_container import NodeContainer
    from calicoctl.host.node_docker import Found, Log

_LINES_SHOWN = 20  # of the log, when the node does not start
_STARTED = "The node has started and is running."
_REMEDY = f"'docker ps -a' lists the containers: {NODE} is the node, {ASIDE} the previous one."


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out a ``node`` command line without a subcommand, parsed, and return the exit status.

    Raises CommandError.
    """
    check(arguments)
    container = _container(arguments, environment)
    if environment.variables.get("CALICO_NETWORKING"):
        environment.complain("WARNING: CALICO_NETWORKING will be deprecated: use '--backend' instead")
    if arguments["--init-system"] or arguments["--dryrun"]:
        return _show_only(arguments, container, environment)
    check_root()
    if arguments["--runtime"] == "none":
        _check_etcd(environment)
        _prepare_host(arguments["--log-dir"], environment)
        return 0
    containers = NodeContainers(Docker(environment.variables))
    with WorkloadLock(NODE_LOCK):
        _check_former(containers)
        stored = _check_etcd(environment)
        _find_image(container.image, arguments["--no-pull"], containers, environment)
        _prepare_host(arguments["--log-dir"], environment)
        _warn_of_losses(arguments, stored, environment)
        _recover(containers, environment)
        id, log = _start(arguments, container, containers, environment)
    with log:
        if arguments["--detach"] == "false":
            _stay(id, log, containers, environment)
    return 0


def _container(arguments: Arguments, environment: Environment) -> NodeContainer:
    variables = environment.configuration().variables()
    Settings.from_environment(variables)  # raises an error for values that cannot be used
    if "@" in variables.get("ETCD_ENDPOINTS", ""):
        raise CommandError(
            "ETCD_ENDPOINTS has a user and a password, which the container of the node does not support. Set "
            "ETCD_USERNAME and ETCD_PASSWORD instead: only calicoctl uses them."
        )
    former = "none" if variables.get("CALICO_NETWORKING") == "false" else "bird"
    return node_container(
        hostname(variables),
        arguments["--node-image"],
        (arguments["--ip"] or "", arguments["--ip6"] or ""),
        as_number(arguments["--as"]) if arguments["--as"] else "",
        arguments["--backend"] or former,
        arguments["--log-dir"],
        arguments["--libnetwork"],
        variables,
    )


def _show_only(arguments: Arguments, container: NodeContainer, environment: Environment) -> int:
    if arguments["--runtime"] == "none":
        raise CommandError("--runtime=none starts no container, so there is no command line or unit to show.")
    if arguments["--no-pull"]:
        environment.complain("Note: 'docker run' pulls an image that is missing. --no-pull does not change that.")
    if arguments["--init-system"]:
        environment.say(container.unit(kernel_settings.settings(kernel_settings.ROOT)))
    else:
        environment.say(container.docker_run(detach=arguments["--detach"] == "true"))
    return 0


# Checks before any change


def _check_former(containers: NodeContainers) -> None:
    """Raise CommandError if something else manages the node that is running."""
    if systemd.is_active(UNIT):
        raise CommandError(f"systemd runs the node of this host: stop it first, with 'systemctl stop {UNIT}'.")
    former = containers.find(NODE)
    if former is not None and former.removes_itself:
        raise CommandError(
            f"The container {NODE} was started with 'docker run --rm', so it would be gone once it is stopped. Stop it "
            "where it was started."
        )


def _check_etcd(environment: Environment) -> dict[str, str]:
    """Return what is stored of this host's node.

    Raises CommandError if etcd, or its v2 API, does not answer, or if etcd is too old.
    """
    client = environment.client()
    stored = stored_settings(hostname(environment.variables), client)
    if complaint := version_complaint(client.version()):
        raise CommandError(complaint)
    return stored


def _warn_of_losses(arguments: Arguments, stored: dict[str, str], environment: Environment) -> None:
    """Warn of values that the container deletes from etcd when it starts without them."""
    for name, option, what in (("as_num", "--as", "AS number"), ("ip_addr_v6", "--ip6", "IPv6 address")):
        if stored.get(name) and not arguments[option]:
            environment.complain(
                f"Warning: without {option} the node loses its {what}, {stored[name]}, when it starts. Give "
                f"{option}={stored[name]} to keep it."
            )


def _find_image(image: str, no_pull: bool, containers: NodeContainers, environment: Environment) -> None:
    if containers.has_image(image):
        return
    if no_pull:
        raise CommandError(f"There is no Docker image {image} on this host, and --no-pull forbids pulling it.")
    _show(paragraph(f"Pulling Docker image {image}"), environment)
    try:
        containers.pull(image)
    except DockerRefused as error:
        raise CommandError(
            paragraph("ERROR: Unable to download Docker image.")
            + "\n"
            + paragraph(
                "Please verify that you have network connectivity to DockerHub and that, if you explicitly specified "
                "which calico/node image to use, the image name is correct."
            )
            + "\n"
            + error.message
        ) from None


def _prepare_host(log_dir: str, environment: Environment) -> None:
    if environment.variables.get("CALICO_CTL_CONTAINER"):  # the kernel and the folders are not those of this container
        return
    for line in kernel_settings.load_modules():
        environment.complain(line)
    for found in kernel_checks(os.uname().release, kernel_settings.ROOT):
        if found.complaint:
            environment.complain(found.complaint)
    for setting in kernel_settings.settings(kernel_settings.ROOT):
        changed, warning = kernel_settings.apply(setting, kernel_settings.ROOT)
        if changed:
            _show(changed, environment)
        if warning:
            environment.complain(warning)
    for folder in (log_dir, os.path.join(kernel_settings.ROOT, "var/run/calico")):
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError:
            pass  # Docker makes it, or says why it cannot


# Starting


def _recover(containers: NodeContainers, environment: Environment) -> None:
    """Restore the container that a killed command has set aside. Whether the one in its place has started is not known.

    Nor is it known whether the old one was running: it is started.
    """
    aside = containers.find(ASIDE)
    if aside is None:
        return
    environment.complain(f"An earlier start was killed: its container is removed, and {ASIDE} is {NODE} again.")
    containers.remove(NODE)
    containers.set_restart_policy(aside.id, ALWAYS)
    containers.start(aside.id)
    containers.rename(aside.id, NODE)  # last: until then the next command knows that this is to be done


def _start(
    arguments: Arguments, container: NodeContainer, containers: NodeContainers, environment: Environment
) -> tuple[str, Log]:
    """Start the container, and return its id and its log once it has started. A failure before is undone."""
    former = containers.find(NODE)
    _show("Running Docker container with the following command:\n", environment)
    _show(f"{container.docker_run(detach=arguments['--detach'] == 'true')}\n", environment)
    with Undo(_REMEDY, _outcome(former)) as undo:
        id, log = _replace(container, former, containers, undo)
        deadline = time.monotonic() + int(arguments["--start-timeout"])
        _show(f"Calico node is running with id: {id}", environment)
        if arguments["--libnetwork"]:
            _show("Calico node running with libnetwork plugin enabled", environment)
        _show("Waiting for successful startup", environment)
        _await_start(id, log, deadline, arguments["--start-timeout"], containers, environment)
    if former is not None:
        _remove(former, containers)
    return id, log


def _remove(former: Found, containers: NodeContainers) -> None:
    """Remove the previous container; an interrupt waits until that is done."""
    try:
        with Blocked():
            containers.remove(former.id)
    except KeyboardInterrupt as interruption:
        raise CommandError(f"Aborted command.  {_STARTED}", status_of(interruption)) from None
    except CommandError as error:
        remark = f"{_STARTED} The container {ASIDE} is no longer needed: 'docker rm {ASIDE}'."
        raise CommandError(f"{error.message.rstrip()}  {remark}", error.status) from None


def _outcome(former: Found | None) -> str:
    """Return a sentence about the containers that exist after a failed start."""
    if former is None:
        return "The new container was removed. No node is running."
    state = "running" if former.running else "not running"
    return f"The new container was removed. The previous one is restored and {state}."


def _replace(
    container: NodeContainer, former: Found | None, containers: NodeContainers, undo: Undo
) -> tuple[str, Log]:
    """Start the new container in the place of the former one, which is set aside; return its id and its log.

    The new one is made first. If Docker refuses that, the former one has kept running.
    """
    keeps_logs = containers.keeps_logs()
    containers.remove(NEW)  # of a command that was killed
    undo.note(f"container {NEW}", lambda: containers.remove(NEW))
    id = containers.create(NEW, container)
    if former is not None:
        _set_aside(former, containers, undo)
    undo.note(f"container {NODE}", lambda: containers.remove(id))
    containers.rename(id, NODE)
    if keeps_logs:
        containers.start(id)
        return id, containers.log(id)
    output = containers.output(id)
    containers.start(id)
    return id, output


def _set_aside(former: Found, containers: NodeContainers, undo: Undo) -> None:
    """Rename a container and stop it. Docker must not start it again: two nodes on one host disturb each other.

    The new name comes first: it tells a later command what to restore if this one is killed. The container is started
    again only after it has its name back: if the name is taken, another program has started a node meanwhile.
    """
    is_stopped = False

    def start_again() -> None:
        if is_stopped:
            containers.start_again(former.id)

    policy = former.restart_policy
    undo.note(f"container {ASIDE} is stopped", start_again, only_after_all_else=True)
    undo.note("its restart policy", lambda: containers.set_restart_policy(former.id, policy), only_after_all_else=True)
    undo.note(f"container {ASIDE}", lambda: containers.rename(former.id, NODE), only_after_all_else=True)
    containers.rename(former.id, ASIDE)
    containers.set_restart_policy(former.id, NEVER)
    is_stopped = former.running
    if former.running:
        containers.stop(former.id)


def _await_start(
    id: str, log: Log, deadline: float, seconds: str, containers: NodeContainers, environment: Environment
) -> None:
    """Show the log until the container says that it has started. Raises CommandError with the end of the log."""
    shown: list[str] = []
    try:
        while (line := log.next_line(deadline)) is not None:
            _show(visible(line), environment)
            if STARTED in line:
                return
            shown = [*shown, line][-_LINES_SHOWN:]
    except OutOfTime:
        end = f"The node has not started within {seconds} s (see --start-timeout)."
        raise CommandError(_end_of_log(shown, end)) from None
    found = containers.find(id)
    status = f" with status {found.exit_status}" if found is not None and found.has_ended else ""
    raise CommandError(_end_of_log(shown, f"The container ended{status} before the node had started."))


def _end_of_log(lines: list[str], sentence: str) -> str:
    if not lines:
        return f"{sentence} It has written nothing to its log."
    return "\n".join(["The log of the new container ends:", *(f"  {line}" for line in lines), sentence])


def _stay(id: str, log: Log, containers: NodeContainers, environment: Environment) -> None:
    """Show the rest of the log until the container ends, or the command is interrupted, which ends the container."""
    try:
        while (line := log.next_line()) is not None:
            _show(visible(line), environment)
    except KeyboardInterrupt as interruption:
        containers.end(id)
        raise CommandError(f"Aborted command.  The container {NODE} is stopped.", status_of(interruption)) from None
    containers.end(id)
    raise CommandError(f"The container {NODE} has ended, and is stopped.")


def _show(text: str, environment: Environment) -> None:
    """Print progress at once. A closed pipe does not stop the start."""
    try:
        environment.say(text)
        environment.stdout.flush()
    except BrokenPipeError:
        pass
