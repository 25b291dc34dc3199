"""calicoctl diff: show what apply would change."""

from __future__ import annotations

from calicoctl.resources import changes, comparison
from calicoctl.resources.manifest import Manifest

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``calicoctl diff`` and return the exit status. Raises CommandError."""
    if arguments["--flows"]:
        return _run_with_flows(arguments, environment)
    return comparison.run(_manifest(arguments, environment), environment)


def _run_with_flows(arguments: Arguments, environment: Environment) -> int:
    from calicoctl.commands.trial import Trial, say_flow_changes

    trial = Trial(environment)
    manifest = _manifest(arguments, environment)
    status = comparison.run(manifest, environment)
    changes.carry_out(changes.DIFF, manifest)
    say_flow_changes(trial.flow_changes()[0], environment)
    return status


def _manifest(arguments: Arguments, environment: Environment) -> Manifest:
    manifest = Manifest(environment, environment.client())
    manifest.read(arguments["--filename"], arguments["--recursive"])
    return manifest
