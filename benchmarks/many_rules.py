"""A profile with 10,000 rules, beside the standard library reading and writing the same JSON."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from benchmarks import dataset
from benchmarks.measure import Contestant, measure

if TYPE_CHECKING:
    from benchmarks.run import Bench

RULES = 10_000
BOUND = 5
KEY = "/calico/v1/policy/profile/{}/rules"


def rules(count: int) -> str:
    """Return stored rules, all different, of the kinds that profiles are made of."""
    kinds = [
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
    """Measure the commands on rules, each over what it takes on a profile of two rules, and print a table."""
    dataset.clear(bench.etcd)
    files = {}
    for name, count in (("few", 1), ("many", RULES)):
        dataset.put_all(bench.etcd, [(KEY.format(name), rules(count))])
        files[name] = bench.folder / f"{name}.json"
        # What is updated differs from what is stored: it has one rule more.
        files[name].write_text(rules(count + 1))
    read_and_write = "import json, sys; json.dump(json.load(open(sys.argv[1])), open(sys.argv[2], 'w'))"
    # json.dump goes through the text piece by piece in Python; dumps, for which C does it all, is shown beside it.
    faster = "import json, sys; open(sys.argv[2], 'w').write(json.dumps(json.load(open(sys.argv[1]))))"
    copy = str(bench.folder / "copy.json")
    json_alone = {
        f"{label} {name}": [sys.executable, "-c", code, str(files[name]), copy]
        for label, code in (("json", read_and_write), ("json, faster", faster))
        for name in files
    }
    lines = {
        "rule show": lambda name: (f"profile {name} rule show", None),
        "rule json": lambda name: (f"profile {name} rule json", None),
        "rule update": lambda name: (f"profile {name} rule update", files[name]),
        "rule add --at=5000": lambda name: (f"profile {name} rule add inbound --at={5000 if name == 'many' else 1} "
                                            "deny from tag new", None),
        "rule remove --at=5000": lambda name: (f"profile {name} rule remove inbound --at="
                                               f"{5000 if name == 'many' else 1}", None),
    }  # fmt: skip
    contestants = [Contestant(name, command) for name, command in json_alone.items()]
    resets = {name: rules(1 if name == "few" else RULES) for name in files}
    for label, line in lines.items():
        for name in files:
            command, stdin = line(name)
            ours = bench.ours(*command.split(), **({"stdin": str(stdin)} if stdin else {}))
            contestants.append(ours._replace(name=f"{label} {name}"))

    def store_again() -> None:
        dataset.put_all(bench.etcd, [(KEY.format(name), text) for name, text in resets.items()])

    figures = measure(contestants, bench.runs, bench.environ, before_each=store_again)
    reference = figures["json many"].median - figures["json few"].median
    print(f"\n## {RULES:,} rules\n")
    print("Over the start-up: the median less that of the same command on a profile with one inbound rule.\n")
    print("| command | median ms | over the start-up ms | ratio | at most |\n|---|---|---|---|---|")
    titles = {"json": "Python: json.load, json.dump", "json, faster": "Python: json.load, json.dumps"}
    for label in [*titles, *lines]:
        median = figures[f"{label} many"].median
        over = median - figures[f"{label} few"].median
        bound = "" if label in titles else BOUND
        times = f"{1000 * median:.0f} | {1000 * over:.0f} | {over / reference:.2f}"
        print(f"| {titles.get(label, label)} | {times} | {bound} |", flush=True)
