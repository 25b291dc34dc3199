"""calicoctl get: show resources."""

from __future__ import annotations

from calicoctl.output import visible
from calicoctl.resources import kinds
from calicoctl.resources.answers import Format

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments
    from calicoctl.resources.kind import Kind


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``calicoctl get`` and return the exit status. Raises CommandError."""
    client = environment.client()
    if arguments["<KIND>"] is not None and not arguments["<NAME>"]:
        kind = kinds.of_word(arguments["<KIND>"], client)
        return _show_all(kind, Format(arguments["--output"], kind), arguments["--export"], environment)
    from calicoctl.resources.manifest import Manifest

    manifest = Manifest(environment, client, identity_only=True)
    if arguments["<KIND>"] is None:
        manifest.read(arguments["--filename"], arguments["--recursive"])
        kind = manifest.items[0].kind if manifest.items else kinds.KINDS[0](None)
    else:
        manifest.name(arguments["<KIND>"], arguments["<NAME>"])
        kind = kinds.of_word(arguments["<KIND>"], client)
    form = Format(arguments["--output"], kind)
    manifest.require_sound()
    return _show(kind, [item.resource.name for item in manifest.items], form, arguments["--export"], environment)


def _show_all(kind: Kind, form: Format, export: bool, environment: Environment) -> int:
    records, complaints = kind.all()
    readable = _readable(kind, records, form, complaints)
    form.show(readable, environment, export, as_list=True, version=str(environment.client().index))
    return _complain(complaints, environment)


def _show(kind: Kind, names: list[str], form: Format, export: bool, environment: Environment) -> int:
    found = kind.find(names)
    missing = [f"resource does not exist: {kind.name}({visible(name)})"
               for name in names if name not in found]  # fmt: skip
    complaints: list[str] = []
    readable = _readable(kind, [found[name] for name in names if name in found], form, complaints)
    if readable:
        form.show(readable, environment, export, as_list=False, version="")
    if missing:
        complaints.append("\n".join([f"Failed to get resources: {missing[0]}", *missing[1:]]))
    return _complain(complaints, environment)


def _readable(kind: Kind, records: list[Any], form: Format, complaints: list[str]) -> list[Any]:
    """Return the resources that can be shown, and add to ``complaints`` what is wrong with the others."""
    readable = []
    for record in records:
        found = kind.complaints(record) if form.needs_contents() or record.obstacle else []
        complaints += found
        if not found:
            readable.append(record)
    return readable


def _complain(complaints: list[str], environment: Environment) -> int:
    for complaint in complaints:
        environment.complain(complaint)
    return 1 if complaints else 0
