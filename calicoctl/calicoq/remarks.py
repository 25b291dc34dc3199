"""Warnings and notes of the listings: Felix may not do what is shown, or the other version of Felix differs."""

from __future__ import annotations

from calicoctl.felix.evaluation import FELIX_1, FELIX_2
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.calicoq.state import State
    from calicoctl.environment import Environment
    from calicoctl.felix.evaluation import Evaluation, Identities, RuleUse
    from calicoctl.model.endpoint import Endpoint
    from calicoctl.model.policy import Policy
    from calicoctl.model.selector import Selector

_SHOWN = 10
_OTHER = {
    FELIX_1: "Felix 2 (--felix=2) decides otherwise about {}: of one label in several profiles it takes the first "
    "profile's, and to it a tag is a label without a value",
    FELIX_2: "Felix 1.4 (--felix=1) decides otherwise about {}: of one label in several profiles it takes the last "
    "profile's, and to it a tag is no label",
}


def certainty_members(selector: Selector | None, felix_version: int) -> dict[str, str]:
    """Return the document member that marks a selector as misfiled by Felix; empty for other selectors."""
    is_misfiled = selector is not None and selector.is_misfiled and felix_version == FELIX_1
    return {"certainty": "not certain"} if is_misfiled else {}


class Remarks:
    """Collects remarks on a listing that shows the result for one version of Felix."""

    def __init__(self, felix_version: int, state: State) -> None:
        self._felix_version = felix_version
        self._state = state
        self._refused: dict[str, None] = {}
        self._misfiled: dict[str, None] = {}
        self._otherwise: dict[str, None] = {}

    def on_policy(self, policy: Policy) -> None:
        """Record a remark if Felix ignores a policy, or may fail to apply it."""
        self._note_refusal(self._state.refusal_of_policy(policy))
        self.on_selector(policy.selector, f'policy "{policy.name}"')

    def on_rule(self, use: RuleUse) -> None:
        """Record a remark if Felix may miss endpoints that match the selector of a rule."""
        if use.match.selector is not None:
            self.on_selector(use.match.selector, f"the selector of {use.line}")

    def on_selector(self, selector: Selector, owner: str) -> None:
        """Record a remark if Felix misfiles a selector."""
        if selector.is_misfiled and self._felix_version == FELIX_1:
            self._misfiled[owner] = None

    def on_shown(self, endpoint: Endpoint) -> None:
        """Record a remark if Felix refuses an endpoint."""
        self._note_refusal(self._state.refusal_of_endpoint(endpoint))

    def _note_refusal(self, refusal: str) -> None:
        if refusal:
            self._refused[refusal] = None

    def on_endpoint(self, endpoint: Endpoint) -> None:
        """Record that the other version of Felix decides differently about an endpoint."""
        self._otherwise[str(endpoint.name)] = None

    def complain(self, environment: Environment) -> None:
        """Write all remarks to standard error."""
        for refusal in [*self._state.refusals_of_profiles(), *self._state.refusals_of_tiers(), *self._refused]:
            what_then = "'calicoq check' says what it does instead."
            environment.complain(visible(f"Warning: Felix refuses {refusal}. {what_then}"))
        for owner in self._misfiled:
            environment.complain(
                visible(
                    f"Warning: Felix 1.4 applies {owner} to an endpoint only if the endpoint's labels were written "
                    "after it: it combines an in of a single value with other conditions. == means the same and works."
                )
            )
        if self._otherwise:
            more = len(self._otherwise) - _SHOWN
            names = ", ".join(list(self._otherwise)[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
            environment.complain(visible(f"Note: {_OTHER[self._felix_version].format(names)}."))


class OtherFelix:
    """Compares the listing of endpoints with the result for the other version of Felix."""

    def __init__(self, evaluation: Evaluation, identities: Identities, remarks: Remarks) -> None:
        """``identities`` are the identities of the endpoints for the other version of Felix."""
        self._evaluation = evaluation
        self._identities = identities
        self._remarks = remarks
        self._tags_count = bool(identities.tags() & evaluation.words_of_selectors())

    def compare(self, endpoint: Endpoint, with_rules: bool) -> None:
        """Record a remark if other policies apply to an endpoint or, ``with_rules``, if other rules match it."""
        if not self._tags_count and not self._identities.has_conflict(endpoint.profile_ids):
            return
        ours, theirs = self._evaluation.identity(endpoint), self._identities.of_endpoint(endpoint)
        if ours.label_set == theirs.label_set:
            return
        evaluation = self._evaluation
        differ = evaluation.policies_of(ours) != evaluation.policies_of(theirs)
        if differ or (with_rules and evaluation.rules_naming(ours) != evaluation.rules_naming(theirs)):
            self._remarks.on_endpoint(endpoint)
