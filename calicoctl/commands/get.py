"""calicoctl get: show resources."""

from __future__ import annotations

from calicoctl.resources import kinds
from calicoctl.resources.answers import Format
from calicoctl.resources.manifest import Manifest, records_of

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments
    from calicoctl.resources.kind import Kind
    from calicoctl.resources.manifest import Item


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``calicoctl get`` and return the exit status. Raises CommandError."""
    client = environment.client()
    if arguments["<KIND>"] is not None and not arguments["<NAME>"]:
        return _show_all(kinds.of_word(arguments["<KIND>"], client), arguments, environment)
    manifest = Manifest(environment, client, identity_only=True)
    if arguments["<KIND>"] is None:
        manifest.read(arguments["--filename"], arguments["--recursive"])
    else:
        manifest.name(arguments["<KIND>"], arguments["<NAME>"])
    forms = {kind.name: Format(arguments["--output"], kind) for kind in manifest.kinds()}
    manifest.require_sound()
    return _show(manifest.items, forms, arguments["--export"], environment)


def _show_all(kind: Kind, arguments: Arguments, environment: Environment) -> int:
    form = Format(arguments["--output"], kind)
    export = arguments["--export"]
    records, complaints = kind.all()
    readable = [record for record in records if _is_readable(kind, record, form, complaints)]
    if form.is_of_documents():
        document = {
            "kind": f"{kind.name}List",
            "apiVersion": kind.api_version,
            "metadata": {} if export else {"resourceVersion": str(environment.client().index)},
            "items": [kind.to_document(record, export) for record in readable],
        }
        form.say_documents(document, environment)
    elif readable or form.name != "name":
        environment.say(form.lines(readable))
    return _complain(complaints, environment)


def _show(items: list[Item], forms: dict[str, Format], export: bool, environment: Environment) -> int:
    """Show the given resources: documents in the order of the input, or one table for each kind."""
    missing = []
    complaints: list[str] = []
    readable: dict[str, list[Any]] = {}
    documents = []
    for item, record in zip(items, records_of(items), strict=True):
        kind, form = item.kind, forms[item.kind.name]
        if record is None:
            missing.append(f"resource does not exist: {item}")
        elif _is_readable(kind, record, form, complaints):
            readable.setdefault(kind.name, []).append(record)
            if form.is_of_documents():
                documents.append(kind.to_document(record, export))
    if documents:
        next(iter(forms.values())).say_documents(documents if len(documents) > 1 else documents[0], environment)
    else:
        for name, records in readable.items():
            environment.say(forms[name].lines(records))
    if missing:
        complaints.append("\n".join([f"Failed to get resources: {missing[0]}", *missing[1:]]))
    return _complain(complaints, environment)


def _is_readable(kind: Kind, record: Any, form: Format, complaints: list[str]) -> bool:
    """Tell whether a resource can be shown. If not, add its problems to ``complaints``."""
    found = kind.complaints(record) if form.needs_contents() or record.obstacle else []
    complaints += found
    return not found


def _complain(complaints: list[str], environment: Environment) -> int:
    for complaint in complaints:
        environment.complain(complaint)
    return 1 if complaints else 0
