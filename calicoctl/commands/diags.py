"""calicoctl diags: collect information about a faulty node in one file."""

from __future__ import annotations

from calicoctl.commands.diags_collection import Collection, announce
from calicoctl.errors import CommandError
from calicoctl.host.bundle import Bundle
from calicoctl.host.rights import check_root
from calicoctl.output import paragraph

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

_ADVICE = (
    "The bundle holds the network configuration of this host, and policy and addresses of the whole cluster. Look at "
    "it before you pass it on."
)


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``diags``, parsed, and return the exit status. Raises CommandError if there is no bundle."""
    check_root()
    announce("Collecting diagnostics", environment)
    with Bundle(arguments["--output"] or "", environment.variables.get("TMPDIR", "")) as bundle:
        announce(f"Using temp dir: {bundle.folder}", environment)
        try:
            Collection(bundle, environment).collect(arguments["--log-dir"])
            path = bundle.pack()
        except OSError as error:
            raise CommandError(f"Cannot write the bundle: {error.strerror}.") from None
    environment.say(f"\nDiags saved to {path}\n")
    environment.say(paragraph(_ADVICE))
    return 0
