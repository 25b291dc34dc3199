"""Measure calicoctl against the naive script, on the etcd that ETCD_AUTHORITY names; prints Markdown tables.

    python -m benchmarks.run [--runs N] [--endpoints N,N,...]

It fills that etcd with endpoints: give it one of its own (`make bench` does).
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import dataset, many_rules
from benchmarks.measure import Contestant, measure, table

HERE = Path(__file__).parent
NAIVE = str(HERE / "naive.py")


class Bench:
    """What the measurements share: the etcd, the number of runs and the help texts that the naive script parses."""

    def __init__(self, runs: int, folder: Path) -> None:
        self.runs = runs
        self.folder = folder
        self.etcd = os.environ["ETCD_AUTHORITY"]
        self.environ = {**os.environ, "PYTHONPATH": str(HERE.parent), "PYTHONDONTWRITEBYTECODE": ""}
        for command in ("profile", "endpoint"):
            self._calicoctl(command, "--help", to=folder / f"{command}.txt")

    def _calicoctl(self, *arguments: str, to: Path) -> None:
        with open(to, "wb") as output:
            subprocess.run([sys.executable, "-m", "calicoctl", *arguments], stdout=output, env=self.environ, check=True)

    def ours(self, *arguments: str, stdin: str = os.devnull) -> Contestant:
        """calicoctl, started as its console script is."""
        start = "from calicoctl.cli import console_main; console_main()"
        return Contestant("calicoctl", [sys.executable, "-c", start, *arguments], stdin)

    def calicoq(self, *arguments: str) -> Contestant:
        """calicoq, started as its console script is."""
        start = "from calicoctl.query.cli import console_main; console_main()"
        return Contestant(shlex.join(["calicoq", *arguments]), [sys.executable, "-c", start, *arguments])

    def naive(self, *arguments: str, stdin: str = os.devnull) -> Contestant:
        """The naive script for the same command line."""
        help_text = str(self.folder / f"{arguments[0]}.txt")
        return Contestant("naive", [sys.executable, NAIVE, help_text, *arguments], stdin)

    def compare(self, *arguments: str, bound: float | None, stdin: str = os.devnull, runs: int = 0) -> None:
        """Print the table for one command line: naive, calicoctl, and python doing nothing."""
        contestants = [
            self.naive(*arguments, stdin=stdin),
            self.ours(*arguments, stdin=stdin),
            Contestant("python -c pass", [sys.executable, "-c", "pass"]),
        ]
        figures = measure(contestants, runs or self.runs, self.environ)
        print(f"\n`calicoctl {' '.join(arguments)}`\n")
        print(table("naive", figures, {} if bound is None else {"calicoctl": bound}), flush=True)


def no_datastore(bench: Bench) -> None:
    """Commands that need no etcd, beside a Python that does nothing."""
    contestants = [
        Contestant("python -c pass", [sys.executable, "-c", "pass"]),
        bench.ours("--help")._replace(name="calicoctl --help"),
        bench.ours("version")._replace(name="calicoctl version"),
        bench.ours("profile", "--help")._replace(name="calicoctl profile --help"),
    ]
    figures = measure(contestants, bench.runs, bench.environ)
    print("\n## Without etcd\n")
    print(table("python -c pass", figures, {"calicoctl --help": 2.5, "calicoctl version": 2.5}), flush=True)


def start_up(bench: Bench) -> None:
    """Small commands: what is measured is mostly the start of the process."""
    print("\n## Small commands\n")
    dataset.clear(bench.etcd)
    dataset.put_all(bench.etcd, dataset.profiles(10))
    rules = str(HERE.parent / "examples" / "web_rules.json")
    bench.compare("profile", "show", bound=0.6)
    bench.compare("profile", "profile-0001", "rule", "show", bound=0.6)
    bench.compare("profile", "profile-0002", "rule", "update", stdin=rules, bound=None)
    add = "profile profile-0003 rule add inbound allow tcp from cidr 10.0.0.0/8 to ports 80,443"
    bench.compare(*add.split(), bound=0.6)
    bench.compare("profile", "profile-0004", "tag", "add", "WEB", bound=0.6)


def endpoints(bench: Bench, counts: list[int]) -> None:
    """Endpoints at growing numbers, on 100 hosts."""
    loaded = 0
    dataset.clear(bench.etcd)
    for count in counts:
        dataset.put_all(bench.etcd, dataset.endpoints(loaded, count))
        loaded = count
        print(f"\n## {count:,} endpoints\n")
        runs = max(3, bench.runs // 4) if count >= 100_000 else bench.runs
        bound = {10_000: 0.45, 100_000: 0.5}.get(count)
        bench.compare("endpoint", "show", bound=None, runs=runs)
        bench.compare("endpoint", "show", "--detailed", bound=bound, runs=runs)
        ((key, _),) = dataset.endpoints(7, 8)
        _, _, _, _, host, _, orchestrator, workload, _, endpoint = key.split("/")
        place = {"host": host, "orchestrator": orchestrator, "workload": workload, "endpoint": endpoint}
        filters = [f"--{name}={value}" for name, value in place.items()]
        bench.compare("endpoint", "show", "--detailed", *filters, bound=0.6, runs=runs)


def numbers_of_profiles(bench: Bench) -> None:
    """Profiles at growing numbers: what each one more costs."""
    dataset.clear(bench.etcd)
    print("\n## 10 to 10,000 profiles\n")
    print("| profiles | `profile show` ms | over 10, us a profile | `profile P rule show` ms |\n|---|---|---|---|")
    base = 0.0
    for count in (10, 100, 1_000, 10_000):
        dataset.put_all(bench.etcd, dataset.profiles(count))
        contestants = [
            bench.ours("profile", "show")._replace(name="show"),
            bench.ours("profile", "profile-0001", "rule", "show")._replace(name="one"),
        ]
        figures = measure(contestants, bench.runs, bench.environ)
        show, one = figures["show"].median, figures["one"].median
        base = base or show
        each = f"{1e6 * (show - base) / (count - 10):.1f}" if count > 10 else ""
        print(f"| {count:,} | {1000 * show:.0f} | {each} | {1000 * one:.0f} |", flush=True)


def completion(bench: Bench) -> None:
    """A TAB: the whole process that a shell starts for it."""
    dataset.clear(bench.etcd)
    dataset.put_all(bench.etcd, dataset.profiles(100))
    lines = {
        "a command": ["calicoctl", "pro"],
        "a keyword": ["calicoctl", "profile", "P", "rule", "add", "inbound", "allow", "t"],
        "an option": ["calicoctl", "endpoint", "show", "--de"],
        "a command of calicoq": ["calicoq", "ver"],
        "a profile, from etcd": ["calicoctl", "profile", "P", "tag", "add", "x"],
    }
    contestants = [Contestant("python -c pass", [sys.executable, "-c", "pass"])] + [
        bench.ours("completion", "candidates", "--", *words)._replace(name=name) for name, words in lines.items()
    ]
    figures = measure(contestants, bench.runs, bench.environ)
    print("\n## Completion: at most 100 ms for words\n")
    print(table("python -c pass", figures, {}), flush=True)


def profiles_of_endpoints(bench: Bench) -> None:
    """`profile show --detailed` beside `endpoint show --detailed`, with 1,000 profiles on 10,000 endpoints."""
    dataset.clear(bench.etcd)
    dataset.put_all(bench.etcd, dataset.profiles(1_000))
    dataset.put_all(bench.etcd, dataset.endpoints(0, 10_000, profiles=1_000))
    contestants = [
        bench.ours("endpoint", "show", "--detailed")._replace(name="endpoint show --detailed"),
        bench.ours("profile", "show", "--detailed")._replace(name="profile show --detailed"),
    ]
    figures = measure(contestants, bench.runs, bench.environ)
    print("\n## 1,000 profiles on 10,000 endpoints\n")
    print(table("endpoint show --detailed", figures, {"profile show --detailed": 1.5}), flush=True)


def policies_of_endpoints(bench: Bench) -> None:
    """calicoq beside `endpoint show --detailed`: 10,000 endpoints and 500 policies, five for each endpoint."""
    applications = 100
    dataset.clear(bench.etcd)
    dataset.put_all(bench.etcd, [("/calico/v1/Ready", "true"), *dataset.profiles(10)])
    dataset.put_all(bench.etcd, dataset.policies(500, applications))
    dataset.put_all(bench.etcd, dataset.labelled(dataset.endpoints(0, 10_000), applications))
    contestants = [
        bench.ours("endpoint", "show", "--detailed")._replace(name="endpoint show --detailed"),
        bench.calicoq("endpoint", ""),
        bench.calicoq("endpoint", "", "-rs"),
        bench.calicoq("endpoint", "", "-o", "json"),
        bench.calicoq("check"),
    ]
    figures = measure(contestants, bench.runs, bench.environ)
    print("\n## calicoq: 500 policies and 10,000 endpoints\n")
    print(table("endpoint show --detailed", figures, {"calicoq endpoint ''": 4.0}), flush=True)


SECTIONS: dict[str, Callable[[Bench, argparse.Namespace], None]] = {
    "help": lambda bench, options: no_datastore(bench),
    "small": lambda bench, options: start_up(bench),
    "completion": lambda bench, options: completion(bench),
    "numbers": lambda bench, options: numbers_of_profiles(bench),
    "rules": lambda bench, options: many_rules.run(bench),
    "profiles": lambda bench, options: profiles_of_endpoints(bench),
    "calicoq": lambda bench, options: policies_of_endpoints(bench),
    "endpoints": lambda bench, options: endpoints(bench, options.endpoints),
}


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=20, help="counted runs of each command (default 20)")
    parser.add_argument("--endpoints", default="1000,10000,100000", help="numbers of endpoints, growing")
    parser.add_argument("--sections", default=",".join(SECTIONS), help=f"of {','.join(SECTIONS)}")
    options = parser.parse_args()
    options.endpoints = [int(count) for count in options.endpoints.split(",")]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {options.runs} runs each, by turns.")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.runs, Path(folder))
        for section in options.sections.split(","):
            SECTIONS[section](bench, options)


if __name__ == "__main__":
    main()
