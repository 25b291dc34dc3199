"""The codes of the findings of ``calicoq lint``, in the form of those of ``check``. They never change."""

from __future__ import annotations

from calicoctl.calicoq.codes import NOTE, WARNING, Code

EMPTY_RULE = "CL001"
SHADOWED = "CL002"
CONTRADICTED = "CL003"
REDUNDANT = "CL004"
UNREACHED = "CL010"
UNUSED_PROFILE = "CL020"
UNUSED_TAG = "CL021"
UNUSED_POLICY = "CL022"
UNUSED_TIER = "CL023"
UNUSED_LABEL = "CL024"

ALWAYS, NOW = "always", "now"  # for any endpoints; for the present endpoints
LEVELS = {UNUSED_TAG: ALWAYS, UNUSED_TIER: ALWAYS, UNUSED_LABEL: ALWAYS, UNREACHED: NOW, UNUSED_PROFILE: NOW,
          UNUSED_POLICY: NOW}  # fmt: skip

CODES = {
    EMPTY_RULE: Code(
        WARNING,
        "a rule that takes no packet",
        "Its own conditions exclude each other, or it is about ICMP types that open no connection.",
    ),
    SHADOWED: Code(
        WARNING,
        "a rule that never decides",
        "Rules before it in its list take all of its packets, and do the same with them. Without it nothing changes.",
    ),
    CONTRADICTED: Code(
        WARNING,
        "a rule that never decides, while others decide otherwise",
        "Rules before it in its list take all of its packets, and at least one of them does something else with them. "
        "Without it nothing changes; if it was meant to decide, it has to stand before them.",
    ),
    REDUNDANT: Code(
        WARNING,
        "a rule without which nothing changes",
        "Rules behind it in its list do the same with all of its packets, and none decides otherwise before them.",
    ),
    UNREACHED: Code(
        WARNING,
        "rules that no packet comes to",
        "With the endpoints that there are, what stands before them decides on every packet: policies that never pass "
        "packets on to the profiles, an earlier policy or profile that decides on everything.",
    ),
    UNUSED_PROFILE: Code(NOTE, "a profile that no endpoint has", "It may be meant for later, or left over."),
    UNUSED_TAG: Code(NOTE, "a tag that no rule names", "It makes no difference which endpoints have it."),
    UNUSED_POLICY: Code(NOTE, "a policy that selects no endpoint", "It may be meant for later, or left over."),
    UNUSED_TIER: Code(NOTE, "a tier without policies", "Packets pass it."),
    UNUSED_LABEL: Code(
        NOTE, "a label of a profile that no selector tests", "It makes no difference which endpoints inherit it."
    ),
}
