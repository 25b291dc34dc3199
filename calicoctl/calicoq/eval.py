"""calicoq eval: the endpoints that a selector matches."""

from __future__ import annotations

from calicoctl.calicoq.formats import TEXT, name_members, say_endpoints
from calicoctl.calicoq.remarks import Remarks
from calicoctl.calicoq.state import felix_version_of, finish, full_title, read_state
from calicoctl.errors import CommandError
from calicoctl.felix.evaluation import FELIX_1
from calicoctl.felix.rules import selector_problem
from calicoctl.model.selector import SelectorError, parse
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """List the endpoints by full name, host endpoints first. Raises CommandError for an invalid selector."""
    text: str = arguments["<selector>"]
    try:
        selector = parse(text)
    except SelectorError as error:
        from calicoctl.model.wording import go_quoted

        raise CommandError(f"Invalid selector: {go_quoted(text)}. {error}.") from None
    felix_version = felix_version_of(arguments)
    state = read_state(environment)
    remarks = Remarks(felix_version, state)
    if felix_version == FELIX_1 and (problem := selector_problem(text)):
        environment.complain(visible(f"Warning: Felix 1.4 refuses policies and rules with this selector: {problem}."))
    remarks.on_selector(selector, f'a policy or rule with the selector "{text}"')
    ours, theirs = state.identities(felix_version)
    endpoints = []
    for endpoint in sorted(state.endpoints(), key=full_title):
        matches = selector.matches(ours.of_endpoint(endpoint).labels)
        if matches:
            endpoints.append(endpoint)
            remarks.on_shown(endpoint)
        if matches != selector.matches(theirs.of_endpoint(endpoint).labels):
            remarks.on_endpoint(endpoint)
    heading = f"Endpoints matching selector {text}"
    if arguments["--output"] == TEXT:
        environment.say("\n".join([f"{visible(heading)}:", *(f"  {visible(full_title(each))}" for each in endpoints)]))
    else:
        say_endpoints(heading, map(name_members, endpoints), arguments["--output"], environment)
    remarks.complain(environment)
    return finish(state, environment)
