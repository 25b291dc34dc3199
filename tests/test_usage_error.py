"""Messages for arguments that do not fit the grammar."""

from __future__ import annotations

import time
from collections import Counter
from random import Random

import pytest

from calicoctl import grammar
from calicoctl.usage.table import COMMANDS, OVERVIEW, usage_of
from calicoctl.usage_error import explained
from tests.test_grammar import GRAMMARS, ODD_WORDS, argument_lists, keywords_and_options


def problem(line: str) -> str:
    """Return the first line of the message for a command line of calicoctl."""
    argv = line.split()
    with pytest.raises(grammar.UsageError) as caught:
        grammar.parse(usage_of(COMMANDS[argv[0]]), argv)
    return explained(caught.value).partition("\n")[0]


RULE = "profile P rule add inbound"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        # Misspelt words
        (f"{RULE} allow tcp to port 80", "unexpected 'port' after 'to'; did you mean 'ports'?"),
        (f"{RULE} allow TCP", "unexpected 'TCP' after 'allow'; did you mean 'tcp'?"),
        (f"{RULE} Deny", "unexpected 'Deny' after 'inbound'; did you mean 'deny'?"),
        ("profile P tags", "unexpected 'tags' after 'P'; did you mean 'tag'?"),
        ("profile sho", "expected 'tag' or 'rule' after 'sho'; did you mean 'show'?"),
        ("profile ad WEB", "unexpected 'WEB' after 'ad'; did you mean 'add'?"),
        ("profile P rule list", "unexpected 'list' after 'rule'; expected 'add', 'remove', 'show', 'json' or 'update'"),
        ("endpoint e profile apend X", "unexpected 'apend' after 'profile'; did you mean 'append'?"),
        # Words in the wrong order
        (f"{RULE} allow to tag A from tag B", "'from' must stand before 'to'"),
        (f"{RULE} allow tcp from tag A ports 80", "'ports' must stand before 'tag'"),
        (f"{RULE} allow from cidr 10.0.0.0/8 tcp", "'tcp' must stand before 'from'"),
        ("profile P rule inbound add allow", "'add' must stand before 'inbound'"),
        # The choices of --backend are no words beside it
        ("node strat", "unexpected 'strat' after 'node'; expected 'stop', 'remove', 'show' or 'bgp'"),
        ("node --libnetwork-image=x", "--libnetwork-image needs --libnetwork"),
        # Missing words
        (f"{RULE} allow from 192.168.0.0/16", "from 192.168.0.0/16: did you mean from cidr?"),
        (f"{RULE} allow to fd80::/64", "to fd80::/64: did you mean to cidr?"),
        (f"{RULE} allow from WEB", "from WEB: did you mean from tag?"),
        (f"{RULE} allow udp to 53,123", "to 53,123: did you mean to ports?"),
        (f"{RULE} allow to ports 80", "'ports' needs 'tcp' or 'udp' before 'to'"),
        (f"{RULE} tcp", "'tcp' needs 'allow' or 'deny' before it"),
        (f"{RULE} allow tag A", "'tag' needs 'from' or 'to' before it"),
        (f"{RULE} allow from tag", "expected <SRCTAG> after 'tag'"),
        ("endpoint e show", "'show' needs 'profile' before it"),
        ("get", "expected <KIND> or --filename after 'get'"),
        ("apply", "--filename is missing after 'apply'"),
        ("apply x.yaml", "unexpected 'x.yaml' after 'apply'; expected --filename"),
        ("apply -f x y", "unexpected 'y' after 'apply'"),
        ("validate", "--filename or --schema is missing after 'validate'"),
        # Options
        ("profile show --detailled", "unknown option '--detailled'; did you mean '--detailed'?"),
        ("profile show --hlp", "unknown option '--hlp'; did you mean '--help'?"),
        ("pool show --ipv4 --ipv6", "--ipv4 and --ipv6 cannot be given together"),
        ("get profile -f x", "'profile' cannot be given with --filename"),
        ("endpoint e profile show --detailed", "--detailed cannot be given with 'endpoint e profile show'"),
        # Too many words
        ("version now", "unexpected 'now' after 'version'"),
        ("ipam info 10.0.0.1 10.0.0.2", "unexpected '10.0.0.2' after '10.0.0.1'"),
    ],
)
def test_messages(line: str, said: str) -> None:
    assert problem(line) == said


def test_relevant_usage_lines_are_shown() -> None:
    with pytest.raises(grammar.UsageError) as caught:
        grammar.parse(usage_of(COMMANDS["pool"]), ["pool", "add"])
    assert explained(caught.value) == """\
expected <CIDRS> after 'add'
Usage:
  calicoctl pool add <CIDRS>... [--ipip] [--nat-outgoing]
See 'calicoctl pool --help' for the rest."""


@pytest.mark.parametrize("name", GRAMMARS)
def test_every_error_is_explained(name: str) -> None:
    usage, _, _, options_first = GRAMMARS[name]
    random = Random(f"explained {name}")
    words = keywords_and_options(usage) * 2 + ODD_WORDS
    lists = [*argument_lists(usage, 150, random), *(random.choices(words, k=random.randint(0, 9)) for _ in range(100))]
    outcomes: Counter[str] = Counter()
    for argv in lists:
        try:
            grammar.parse(usage, argv, options_first)
        except grammar.HelpRequested:
            continue
        except grammar.UsageError as error:
            said, *shown = explained(error).split("\n")
            assert said, argv
            assert set(shown) - {shown[-1]} <= set(str(error).split("\n")), argv
            outcomes["fit none" if "fit none" in said else "explained"] += 1
    assert outcomes["explained"] >= 10
    assert outcomes["fit none"] <= 0.05 * outcomes.total(), outcomes


@pytest.mark.parametrize("usage", [OVERVIEW, *map(usage_of, COMMANDS.values())])
def test_thousands_of_words_take_no_time(usage: str) -> None:
    before = time.process_time()
    for word in ("x", "-x", "--nonsense", "show", "--"):
        for argv in ([word] * 5000, [usage.split()[2], "add", *[word] * 5000, "--nonsense"]):
            explained(grammar.UsageError(usage, argv))
    assert time.process_time() - before < 5
