"""What create, apply, replace and delete have in common: their input, and what they would do to flows."""

from __future__ import annotations

from calicoctl.errors import CommandError
from calicoctl.output import visible
from calicoctl.resources import changes
from calicoctl.resources.manifest import Manifest

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

_SIGNS = {"opens": "+", "closes": "-"}
_UNCERTAIN = "?"


def run(verb: str, arguments: Arguments, environment: Environment, skip: bool = False) -> int:
    """Carry out a verb and return the exit status; ``skip`` as for ``changes.run``. Raises CommandError."""
    is_dry, wants_flows, denied = arguments["--dry-run"], arguments["--flows"], arguments.get("--deny-if")
    if denied is not None and denied not in _SIGNS:
        raise CommandError(f'--deny-if is opens or closes; not "{visible(denied)}".')
    if wants_flows and not is_dry:
        raise CommandError("--flows goes with --dry-run. Nothing was written.")
    if not wants_flows and denied is None:
        return changes.run(verb, _manifest(verb, arguments, environment), environment, skip, is_dry)
    return _run_after_trial(verb, arguments, environment, skip)


def _manifest(verb: str, arguments: Arguments, environment: Environment) -> Manifest:
    manifest = Manifest(environment, environment.client(), identity_only=verb == changes.DELETE)
    if arguments.get("<KIND>") is not None:
        manifest.name(arguments["<KIND>"], arguments["<NAME>"])
    else:
        manifest.read(arguments["--filename"], arguments["--recursive"])
    return manifest


def _run_after_trial(verb: str, arguments: Arguments, environment: Environment, skip: bool) -> int:
    """Carry the verb out on a copy of etcd first. Raises CommandError if ``--deny-if`` refuses its effect."""
    from calicoctl.commands.trial import Trial, say_flow_changes

    trial = Trial(environment)
    manifest = _manifest(verb, arguments, environment)
    status = changes.run(verb, manifest, environment, skip, dry_run=True) if arguments["--dry-run"] else 0
    versions = changes.carry_out(verb, manifest, skip)
    lines, signs = trial.flow_changes()
    denied = arguments.get("--deny-if")
    is_refused = denied is not None and not signs.isdisjoint((_SIGNS[denied], _UNCERTAIN))
    if arguments["--flows"] or is_refused:
        say_flow_changes(lines, environment)
    if is_refused:
        effect = f"{denied} flows" if _SIGNS[str(denied)] in signs else f"may {str(denied).removesuffix('s')} flows"
        raise CommandError(f"Refused: this change {effect} (--deny-if={denied}). Nothing was written.")
    if arguments["--dry-run"]:
        return status
    trial.end()
    return changes.run(verb, manifest.for_client(environment.client()), environment, skip, versions=versions)
