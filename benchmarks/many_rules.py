"""Measure a profile with 10,000 rules, compared with Python's json module reading and writing the same JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from benchmarks import dataset
from benchmarks.bench import Bench
from benchmarks.measure import Contestant

RULES = 10_000
BOUND = 5
KEY = "/calico/v1/policy/profile/{}/rules"
STANDARD = "Python: json.load, json.dump"
READ_AND_WRITE = "import json, sys; json.dump(json.load(open(sys.argv[1])), open(sys.argv[2], 'w'))"
# json.dump encodes piece by piece in Python, but json.dumps does everything in C. So both are shown.
FASTER = "import json, sys; open(sys.argv[2], 'w').write(json.dumps(json.load(open(sys.argv[1]))))"


def rules(count: int) -> str:
    """Return the JSON value of rules: `count` different inbound rules of the usual kinds."""
    kinds: list[Callable[[int], dict[str, object]]] = [
        lambda n: {"action": "allow", "protocol": "tcp", "src_net": f"10.{n >> 8 & 255}.{n & 255}.0/24",
                   "dst_ports": [80, 443, "8080:8090"]},
        lambda n: {"action": "allow", "src_tag": f"tag-{n}"},
        lambda n: {"action": "deny", "protocol": "udp", "dst_net": f"10.{n >> 8 & 255}.{n & 255}.1/32",
                   "dst_ports": [n % 65535 + 1]},
        lambda n: {"icmp_type": n % 255, "action": "deny", "protocol": "icmp", "src_tag": f"tag-{n}"},
    ]  # fmt: skip
    inbound = [kinds[number % len(kinds)](number) for number in range(count)]
    return json.dumps({"inbound_rules": inbound, "outbound_rules": [{"action": "allow"}]})


def run(bench: Bench) -> None:
    """Measure the rule commands and print a table. The time for a profile with two rules is subtracted from each."""
    dataset.clear(bench.etcd)
    contestants = []
    for name, count in (("few", 1), ("many", RULES)):
        dataset.put_all(bench.etcd, [(KEY.format(name), rules(count))])
        contestants += [one._replace(name=f"{one.name} {name}") for one in _contestants(bench, name, count)]
    titles = [one.name.removesuffix(" few") for one in contestants if one.name.endswith(" few")]
    figures = bench.measure(contestants)

    def over(title: str) -> float:
        return figures[f"{title} many"].median - figures[f"{title} few"].median

    report = bench.report
    report.heading(f"A profile with {RULES:,} rules")
    report.columns("command", "median ms", "over the start-up ms", "ratio", "at most")
    for title in titles:
        bound = None if title.startswith("Python") else BOUND
        ratio = report.bounded(title, over(title) / over(STANDARD), bound)
        report.row(title, figures[f"{title} many"].ms, f"{1000 * over(title):.0f}", *ratio)


def _contestants(bench: Bench, name: str, count: int) -> list[Contestant]:
    """Return what is measured on the profile with this name and this number of inbound rules."""
    key, stored = KEY.format(name), rules(count)
    update = bench.folder / f"{name}.json"
    update.write_text(rules(count + 1))  # different from the stored rules, so that they are written
    place = (count + 1) // 2

    def to_have(inbound: int) -> Callable[[Any], bool]:
        return lambda after: len(after["inbound_rules"]) == inbound

    show, as_json, update_all, add, remove = (
        bench.ours(*f"profile {name} rule {words}".split(), stdin=stdin)
        for words, stdin in (
            ("show", os.devnull),
            ("json", os.devnull),
            ("update", str(update)),
            (f"add inbound --at={place} deny from tag new", os.devnull),
            (f"remove inbound --at={place}", os.devnull),
        )
    )
    files = [str(update), str(bench.folder / "copy.json")]
    return [
        Contestant(STANDARD, [sys.executable, "-c", READ_AND_WRITE, *files]),
        Contestant("Python: json.load, json.dumps", [sys.executable, "-c", FASTER, *files]),
        show._replace(name="rule show"),
        as_json._replace(name="rule json"),
        bench.changing(update_all, key, stored, to_have(count + 1))._replace(name="rule update"),
        bench.changing(add, key, stored, to_have(count + 1))._replace(name=f"rule add --at={RULES // 2}"),
        bench.changing(remove, key, stored, to_have(count - 1))._replace(name=f"rule remove --at={RULES // 2}"),
    ]
