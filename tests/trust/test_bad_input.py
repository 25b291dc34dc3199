"""Random and hostile input to every command: no traceback, no hang, and nothing written that Felix would drop."""

from __future__ import annotations

import copy
import json
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from calicoctl.calicoq.cli import USAGE as QUERY_USAGE
from calicoctl.commands import pool as pool_command
from calicoctl.usage.table import COMMANDS, usage_of
from tests.command_lines import (
    ALL,
    ASSIGNED,
    DOCUMENT,
    ENDPOINT,
    NAMESPACE,
    NODE,
    POLICY,
    PROFILES,
    READING,
    UPDATE,
    USED,
    Row,
)
from tests.conftest import Calicoctl, Result
from tests.containers.namespaces import why_no_namespaces
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, answer
from tests.sampling import Sampling
from tests.trust.checks import check_result, check_stored
from tests.trust.outcomes import fill, prepare, reports_remaining_changes, run_row

pytestmark = pytest.mark.once

HASTY = {"CALICOCTL_READ_TIMEOUT": "0.2"}
SECONDS = 20.0  # for one case on a busy machine
STATE = {**USED, **POLICY, **ASSIGNED, **NODE}

PLAIN = [row for row in ALL if not row.of_container]

CASES = {"argv": (800, 40_000), "rules": (300, 20_000), "yaml": (250, 15_000), "selectors": (200, 10_000),
         "stored": (400, 30_000), "container": (30, 2_000)}  # fmt: skip


@pytest.fixture
def cases(request: pytest.FixtureRequest, sampling: Sampling) -> Iterator[int]:
    """The case numbers of a test. The last word of its name is the key of CASES for their count."""
    kind = request.node.name.rpartition("_")[2]
    return iter(range(sampling.number(*reversed(CASES[kind]))))


TEXTS = ["", " ", "-", "--", "---", ".", "..", "%2e", "a/b", "a?b", "a#b", "_x", "-x", "P", "T", "e1", "h1", "é",
         "日本",
         "\x00", "\n", "\x1b[2J", "\udcff", "1", "0", "-1", "00", "1e3", "65536", "254", "255", "9" * 50, "9" * 5000,
         "x" * 128, "x" * 129, "80", "80,443", "1:2", "2:1", "80,", "10.0.0.0/8", "10.0.0.0/33", "10/8", "::/0",
         "fd80::/64", "fd80::1", "10.65.0.0/24", "10.65.0.1", "all()", "a == 'b'", "has(", "null", "true", "{}", "[]",
         "\ufeff", "\u202e", "tcp", "icmp", "--at=1", "--at", "-f", "-f-", "--filename=-", "--context",
         "--context=x", "-c", "--config=", "-o", "-oyaml", "--help",
         "profile", "A" * 5000]  # fmt: skip


def usage_lines() -> list[tuple[str, list[str]]]:
    """The program and the words of every usage line of every command."""
    # diags would write a file wherever a text leads to
    texts = [("calicoctl", usage_of(command)) for command in COMMANDS.values() if command.name != "diags"]
    lines = []
    for program, text in [*texts, ("calicoq", QUERY_USAGE)]:
        usage = text.partition("Usage:\n")[2].partition("\n\n")[0]
        for line in re.split(rf"^  {program} ", usage, flags=re.MULTILINE)[1:]:
            lines.append((program, re.findall(r"<[\w -]+>|[\w.=-]+(?:<\w+>)?|\||[()\[\]]", line)))
    return lines


def random_words(words: list[str], dice: random.Random) -> list[str]:
    """A command line that mostly follows a usage line, with random deviations."""
    argv: list[str] = []
    skipping = 0
    for word in words:
        if word in "([":
            skipping += bool(skipping) or (word == "[" and dice.random() < 0.5)
        elif word in ")]":
            skipping -= bool(skipping)
        elif word == "|" or skipping:
            skipping = skipping or int(word == "|")
        else:
            argv.append(re.sub(r"<[\w -]+>", lambda _: dice.choice(TEXTS), word))
    if dice.random() < 0.4:
        argv.insert(dice.randrange(len(argv) + 1), dice.choice(TEXTS))
    if dice.random() < 0.2:
        argv.pop(dice.randrange(len(argv)))
    if dice.random() < 0.1:
        dice.shuffle(argv)
    return argv


def run_case(
    calicoctl: Calicoctl, etcd: EtcdServer, argv: list[str], stdin: str | bytes = "", program: str = "calicoctl"
) -> Result:
    """Run one case on the state, which is restored if the previous case changed it, and check the result."""
    index = etcd.index()
    began = time.monotonic()
    result = Calicoctl(calicoctl.environ, program)(*argv, stdin=stdin)
    case = (program, argv, stdin)
    assert time.monotonic() - began < SECONDS, case
    check_result(result, case)
    if etcd.index() != index:
        check_stored(etcd, case)
        fill(etcd, STATE)
    return result


def test_random_argv(
    calicoctl: Calicoctl,
    etcd: EtcdServer,
    dice: random.Random,
    cases: Iterator[int],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)  # `calicoq snapshot` writes files
    # No container is available, and no case waits.
    calicoctl.environ = {**calicoctl.environ, "DOCKER_HOST": "unix:///none"}
    monkeypatch.setattr(pool_command, "wait", lambda seconds: None)
    fill(etcd, STATE)
    lines = usage_lines()
    answered = 0
    for _ in cases:
        program, words = dice.choice(lines)
        argv = random_words(words, dice)
        if not reads_files(argv) and not any("\x00" in word for word in argv):  # impossible in a command line
            stdin = dice.choice([UPDATE, DOCUMENT, "", "{", "\xff"])
            answered += run_case(calicoctl, etcd, argv, stdin, program).status == 0
    assert answered > 50


def reads_files(argv: list[str]) -> bool:
    return any(os.path.exists(word.removeprefix("-f").removeprefix("--filename=")) for word in argv if word)


# Documents


def mutated(value: Any, dice: random.Random) -> Any:
    """A copy of a JSON value with one part replaced, removed, duplicated or moved."""
    changed = copy.deepcopy(value)
    places = list(places_of(changed))
    if not places:
        return dice.choice(WRONG)
    container, key = dice.choice(places)
    action = dice.randrange(5)
    if action == 0:
        del container[key]
    elif action == 1 and isinstance(container, dict):
        container[dice.choice(TEXTS)] = container.pop(key)
    elif action == 2 and isinstance(container, list):
        container.insert(key, copy.deepcopy(dice.choice(container)))
    elif action == 3:
        container[key] = dice.choice(TEXTS)
    else:
        container[key] = copy.deepcopy(dice.choice(WRONG))
    return changed


def places_of(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every object and list of a JSON value with each of its keys or positions."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places_of(value[key])


WRONG: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**30,
    1e300,
    "",
    "x",
    "1",
    "\x1b[2J",
    "\x7f",
    "\x9b",
    "\u202e",
    [],
    ["x"],
    [[]],
    {},
    {"a": 1},
]
RULES = {
    "inbound_rules": [
        {"action": "allow", "protocol": "tcp", "src_tag": "T", "dst_ports": [80, "90:100"], "src_net": "10.0.0.0/8"},
        {"action": "deny", "protocol": "icmp", "icmp_type": 8, "icmp_code": 0, "ip_version": 4},
        {"action": "allow", "src_selector": "a == 'b'", "!dst_net": "fd80::/64", "!protocol": "udp"},
        {"action": "log", "log_prefix": "p"},
    ],
    "outbound_rules": [{"action": "allow"}],
}
RESOURCE = {
    "apiVersion": "projectcalico.org/v3",
    "kind": "Profile",
    "metadata": {"name": "P", "labels": {"a": "b"}, "tags": ["T"]},
    "spec": {
        "ingress": [
            {"action": "Allow", "protocol": "TCP", "ipVersion": 4,
             "source": {"nets": ["10.0.0.0/8"], "selector": "a == 'b'", "notPorts": [1]},
             "destination": {"ports": [80, "90:100"], "notNets": ["10.1.0.0/16"]}},
            {"action": "Deny", "protocol": "ICMP", "icmp": {"type": 8, "code": 0}},
        ],
        "egress": [{"action": "Log"}, {"action": "Allow", "destination": {"tag": "T"}}],
        "labelsToApply": {"stage": "x"},
    },
}  # fmt: skip


def damaged(text: str, dice: random.Random) -> bytes:
    """The text with a few bytes changed, removed or duplicated."""
    content = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(dice.choice([0, 0, 1, 1, 2, 5])):
        place = dice.randrange(len(content) + 1)
        action = dice.randrange(4)
        if action == 0:
            del content[place : place + dice.randrange(20)]
        elif action == 1:
            content[place:place] = content[place : place + dice.randrange(50)]
        else:
            content[place : place + 1] = dice.choice(b'{}[]":,&*!|>-#%@`\\\x00\xff\n\t 0aZ').to_bytes(1, "big")
    return bytes(content)


def test_random_rules(calicoctl: Calicoctl, etcd: EtcdServer, dice: random.Random, cases: Iterator[int]) -> None:
    fill(etcd, STATE)
    accepted = 0
    for _ in cases:
        document: Any = RULES
        for _ in range(dice.choice([0, 1, 1, 1, 2, 3])):
            document = mutated(document, dice)
        stdin = damaged(json.dumps(document), dice) if dice.random() < 0.5 else json.dumps(document)
        accepted += run_case(calicoctl, etcd, ["profile", "P", "rule", "update"], stdin).status == 0
    assert accepted > 10


def test_random_yaml(calicoctl: Calicoctl, etcd: EtcdServer, dice: random.Random, cases: Iterator[int]) -> None:
    import yaml

    fill(etcd, STATE)
    accepted = 0
    for _ in cases:
        document: Any = RESOURCE
        for _ in range(dice.choice([0, 1, 1, 1, 2, 3])):
            document = mutated(document, dice)
        text = yaml.dump(document) if dice.random() < 0.7 else json.dumps(document)
        stdin = damaged(text, dice) if dice.random() < 0.5 else text
        verb = dice.choice(["apply", "create", "replace", "delete", "diff", "validate", "get"])
        accepted += run_case(calicoctl, etcd, [verb, "-f", "-"], stdin).status == 0
    assert accepted > 10


WORDS = ["a", "has(", "(", ")", "!", "&&", "||", "==", "!=", "in", "not in", "{", "}", "'b'", '"b"', ",", "all()", "'",
         "&", "contains", "starts with", "global()", "\t", "\x00", "é", "has(a)", "a == 'b'", "a in {'b'}"]  # fmt: skip


def test_random_selectors(calicoctl: Calicoctl, etcd: EtcdServer, dice: random.Random, cases: Iterator[int]) -> None:
    fill(etcd, STATE)
    for _ in cases:
        selector = dice.choice(["", " "]).join(dice.choices(WORDS, k=dice.randrange(12)))
        if dice.random() < 0.5:
            run_case(calicoctl, etcd, ["eval", selector], program="calicoq")
        else:
            rules = {"inbound_rules": [{"action": "allow", "src_selector": selector}], "outbound_rules": []}
            run_case(calicoctl, etcd, ["profile", "P", "rule", "update"], json.dumps(rules))


# Values stored by others


JSON_VALUE = re.compile(r"[\[{].*|true|[0-9]+")


def wrong_value(dice: random.Random) -> tuple[Row, str, str]:
    """A row, one of its keys, and the value with one part of a wrong type, or another value altogether."""
    stored = [(row, key) for row in PLAIN for key, text in row.before.items() if JSON_VALUE.fullmatch(text)]
    row, key = dice.choice(stored)
    whole = [json.loads(row.before[key])]
    container, member = dice.choice(list(places_of(whole)))
    container[member] = dice.choice(WRONG)
    return row, key, json.dumps(whole[0])


def test_values_of_wrong_type_stored(
    calicoctl: Calicoctl, etcd: EtcdServer, dice: random.Random, cases: Iterator[int]
) -> None:
    for _ in cases:
        row, key, text = wrong_value(dice)
        fill(etcd, {**row.before, key: text})
        began = time.monotonic()
        result = run_row(row, calicoctl)
        assert time.monotonic() - began < SECONDS, (row, key, text)
        check_result(result, (row, key, text))


def test_values_of_wrong_type_stored_for_container(
    calicoctl: Calicoctl, etcd: EtcdServer, dice: random.Random, cases: Iterator[int]
) -> None:
    """A command that cannot read a value must not change the host, or must report the changes."""
    rows = [row for row in ALL if row.of_container]
    if not rows:
        pytest.skip(f"no network namespaces: {why_no_namespaces()}")
    for _ in cases:
        row = dice.choice(rows)
        prepare(row, etcd, calicoctl)
        before = NAMESPACE.state()
        stored = [(key, text) for key, text in etcd.keys().items() if text and ("/ipam/" in key or "/host/" in key)]
        key, text = dice.choice(stored)
        etcd.delete(key)
        wrong = dice.choice(["", "{", "[" * 10_000, None, "{}", *[wrong_field(json.loads(text), dice)] * 5])
        if wrong is None:
            etcd.mkdir(key)
        else:
            etcd.put(key, wrong)
        began = time.monotonic()
        result = run_row(row, calicoctl)
        assert time.monotonic() - began < SECONDS, (row, key, wrong)
        check_result(result, (row, key, wrong))
        is_restored = NAMESPACE.state() == before
        assert result.status == 0 or is_restored or reports_remaining_changes(result.stderr), (row, key, wrong)


def wrong_field(value: Any, dice: random.Random) -> str:
    """The JSON of an object in which one field, at any depth, has a wrong type."""
    fields = [(container, key) for container, key in places_of(value) if isinstance(container, dict)]
    container, key = dice.choice(fields)
    if isinstance(container[key], list) and container[key] and dice.random() < 0.5:
        container[key][dice.randrange(len(container[key]))] = dice.choice(WRONG)
    else:
        container[key] = dice.choice(WRONG)
    return json.dumps(value)


# Characters with an effect on terminals, including a C1 control character, DEL and a bidirectional override.
CONTROL_CHARACTERS = "a\x1b[2J\x7f\x9b2J\u202e\U000e0001"
FORMS = [
    Row(f"{line} -o {form}", before=row.before, program=row.program)
    for row in PLAIN
    if row in READING
    for line in [row.line.partition(" -o ")[0]]
    for form in ("json", "yaml", "wide")
    if row.program == "calicoq" or line == "get profile"
]


@pytest.mark.product
@pytest.mark.parametrize("row", [*READING, *FORMS], ids=str)
def test_stored_control_characters_are_escaped(
    row: Row, calicoctl: Calicoctl, etcd: EtcdServer, sampling: Sampling
) -> None:
    for changed in sampling.quarter(with_control_characters(row.before), [*READING, *FORMS].index(row)):
        fill(etcd, {**row.before, **changed})
        check_result(run_row(row, calicoctl), (row, changed))


def with_control_characters(keys: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Each key with control characters in place of one of its parts, or of the name of one."""
    for key, text in keys.items():
        if not text.startswith(("{", "[")):
            yield {key: CONTROL_CHARACTERS}
            continue
        for place, (_, member) in enumerate(places_of(json.loads(text))):
            changed = json.loads(text)
            container = list(places_of(changed))[place][0]
            container[member] = CONTROL_CHARACTERS
            yield {key: json.dumps(changed)}
            if isinstance(member, str):
                container[CONTROL_CHARACTERS] = container.pop(member)
                yield {key: json.dumps(changed)}


NOT_JSON = ["", "{", "[" * 10_000, '{"a":' * 10_000, "\x1b[2J", "9" * 10_000, "NaN", "x" * 10**5, f'["{"x" * 10**5}"]']


@pytest.mark.product
@pytest.mark.parametrize("row", PLAIN, ids=str)
def test_stored_values_that_are_not_json(row: Row, calicoctl: Calicoctl, etcd: EtcdServer, sampling: Sampling) -> None:
    for number, key in enumerate(row.before, PLAIN.index(row)):
        for text in sampling.quarter(NOT_JSON, number):
            fill(etcd, {**row.before, key: text})
            check_result(run_row(row, calicoctl), (key, text[:50]))


@pytest.mark.product
@pytest.mark.parametrize("row", PLAIN, ids=str)
def test_directories_and_values_swapped(
    row: Row, calicoctl: Calicoctl, etcd: EtcdServer, sampling: Sampling
) -> None:
    for key in sampling.quarter(row.before, PLAIN.index(row)):
        fill(etcd, {other: text for other, text in row.before.items() if other != key})
        etcd.mkdir(key)
        check_result(run_row(row, calicoctl), key)
        etcd.put(f"{key}/x", "{}")
        check_result(run_row(row, calicoctl), key)
        parent = key.rpartition("/")[0]
        while parent.count("/") > 1:
            etcd.clear()
            etcd.put(parent, "{}")
            check_result(run_row(row, calicoctl), parent)
            parent = parent.rpartition("/")[0]


# Documents that exhaust time or memory

BILLION_LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(12)
)
HOSTILE_DOCUMENTS: dict[str, Callable[[], str]] = {
    "billion laughs": lambda: BILLION_LAUGHS,
    "billion laughs in a resource": lambda: (
        f"{BILLION_LAUGHS}kind: Profile\napiVersion: projectcalico.org/v3\n"
        "metadata: {name: P}\nspec: {ingress: *m}\n"
    ),
    "nested lists": lambda: "[" * 10_000,
    "nested objects": lambda: '{"a":' * 10_000,
    "closed nested lists": lambda: "[" * 10_000 + "]" * 10_000,
    "nested blocks": lambda: "\n".join(" " * n + "a:" for n in range(2_000)),
    "a long name": lambda: json.dumps({**RESOURCE, "metadata": {"name": "x" * 10**6}}),
    "a long key": lambda: json.dumps({**RESOURCE, "spec": {"x" * 10**6: 1}}),
    "a long number": lambda: '{"spec": ' + "9" * 10**6 + "}",
    "a long rule list": lambda: json.dumps({"inbound_rules": [{"action": "x"}] * 20_000, "outbound_rules": []}),
}


@pytest.mark.parametrize("name", HOSTILE_DOCUMENTS)
def test_documents_that_exhaust_resources(name: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    fill(etcd, STATE)
    index = etcd.index()
    for argv in (
        ["apply", "-f", "-"],
        ["validate", "-f", "-"],
        ["delete", "-f", "-"],
        ["profile", "P", "rule", "update"],
    ):
        result = run_case(calicoctl, etcd, argv, HOSTILE_DOCUMENTS[name]())
        if argv[0] != "delete":  # it reads only which resource a document names
            assert (result.status, result.stdout) == (1, ""), argv
        assert len(result.stderr) < 2 * 10**6, argv  # a name is printed in full, however long
        assert argv[0] == "delete" or etcd.index() == index
        index = etcd.index()


@pytest.mark.product
@pytest.mark.parametrize("number", range(5))
def test_100_kilobytes_in_argv(number: int, calicoctl: Calicoctl, etcd: EtcdServer, sampling: Sampling) -> None:
    word = ["x" * 100_000, "(" * 100_000, "9" * 100_000, "a," * 50_000, "\x1b" * 100_000][number]
    fill(etcd, STATE)
    index = etcd.index()
    places = [(row, place) for row in ALL for place in range(len(row.arguments))]
    for row, place in sampling.quarter(places, number):
        argv = [*row.arguments[:place], word, *row.arguments[place + 1 :]]
        result = run_case(calicoctl, etcd, argv, row.stdin, row.program)
        assert len(result.stderr) < 10_000, argv[:3]
        assert len(result.stdout) < 10**6, argv[:3]
    assert etcd.index() == index


def test_stored_names_of_one_megabyte(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    long = "x" * 10**6
    endpoint = {
        "state": "active",
        "name": long,
        "mac": long,
        "profile_ids": [long],
        "ipv4_nets": [long],
        "labels": {long: long},
    }
    fill(etcd, {**STATE, ENDPOINT: json.dumps(endpoint), f"{PROFILES}/P/tags": json.dumps([long])})
    for row in ALL:
        result = run_row(row, calicoctl)
        check_result(result, row)
        assert len(result.stderr) < 10_000, row
    # etcd refuses requests with such a key, but other servers may return one.
    leaf = {"key": f"{PROFILES}/{long}/tags", "value": "[]", "modifiedIndex": 1}
    tree = {"key": PROFILES, "dir": True, "modifiedIndex": 1, "nodes": [leaf]}
    with Proxy(etcd) as proxy:
        proxy.since(1, answer("200 OK", json.dumps({"action": "get", "node": tree}), "application/json"))
        for row in ALL:
            result = run_row(row, calicoctl, {**HASTY, "ETCD_AUTHORITY": proxy.authority})
            check_result(result, row)
            assert len(result.stderr) < 10_000, row
