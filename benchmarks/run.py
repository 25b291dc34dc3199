"""Measure calicoctl and compare it with the naive script, using the etcd at ETCD_AUTHORITY.

    python -m benchmarks.run [--runs N] [--endpoints N,N,...] [--sections NAME,...]

It prints the tables of docs/performance.md. The exit status is 1 if a figure is above its bound.
It deletes all of Calico's data in this etcd. So use a separate etcd, as `make bench` does.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import dataset, flows, imports, many_rules
from benchmarks.bench import HERE, PASS, Bench, Change, Line

MANY = 100_000  # from this number of endpoints on, there are fewer runs
# Highest growth of the time for each item if there are ten times as many. Sorting and caches cause some growth;
# quadratic time would give 10.
LINEAR = 2.0
SMALL = 0.25  # highest ratio of a small command to the naive script
START = 3.0  # highest ratio of a small command to `python -c pass`
SUCCEEDING = ["sh", "-c", '"$@" || [ $? = 1 ]', "sh"]  # runs a command of which the status 1 is an answer
TAB = 3.2  # the same for the completion of a name from etcd
NOISE = 0.2  # smaller differences, as a fraction of the start-up time, count as noise


def no_datastore(bench: Bench) -> None:
    """Compare commands that need no etcd with `python -c pass`."""
    lines = [bench.ours("--help"), bench.ours("version"), bench.ours("profile", "--help")]
    figures = bench.measure([PASS, *lines])
    bench.report.heading("Without etcd")
    bench.report.columns("command", "median ms", f"ratio to `{PASS.name}`", "at most")
    bounds = {"calicoctl --help": 2.0, "calicoctl version": 2.0}
    for name, figure in figures.items():
        ratio = bench.report.bounded(name, figure.median / figures[PASS.name].median, bounds.get(name))
        bench.report.row(name, figure.ms, *ratio)


def small(bench: Bench) -> None:
    """Measure small commands. Most of their time is the start of the process."""
    dataset.clear(bench.etcd)
    dataset.put_all(bench.etcd, dataset.profiles(10))
    dataset.put_all(bench.etcd, dataset.endpoints(0, 100))
    report = bench.report
    report.heading("Small commands")
    report.columns(
        "command", "naive ms", "calicoctl ms", "ratio", "at most", f"ratio to `{PASS.name}`", "at most"
    )
    for line in small_lines():
        ((naive, ours),) = bench.race([line], others=[PASS])
        ratio = report.bounded(line.title, ours.median / naive.median, line.bound)
        start = report.bounded(line.title, ours.median / bench.other_figures[PASS.name].median, line.bound and START)
        report.row(line.title, naive.ms, ours.ms, *ratio, *start)


def small_lines() -> list[Line]:
    """Return the small commands. Before each run of a writing command, the key that it changes is reset."""
    profile = "profile-0001"
    stored = dict(dataset.profiles(10))
    rules = f"/calico/v1/policy/profile/{profile}/rules"
    tags = f"/calico/v1/policy/profile/{profile}/tags"
    update = HERE.parent / "examples" / "web_rules.json"
    added = json.loads(stored[rules])
    added["inbound_rules"].append(
        {"action": "allow", "protocol": "tcp", "src_net": "10.0.0.0/8", "dst_ports": [80, 443]}
    )
    one = one_endpoint()
    return [
        Line("profile show", ["profile", "show"], SMALL),
        Line("profile P rule show", ["profile", profile, "rule", "show"], SMALL),
        Line(
            "profile P rule update", ["profile", profile, "rule", "update"], stdin=str(update),
            change=Change(rules, stored[rules], json.loads(update.read_text(encoding="utf-8"))),
        ),
        Line(
            "profile P rule add",
            f"profile {profile} rule add inbound allow tcp from cidr 10.0.0.0/8 to ports 80,443".split(), SMALL,
            change=Change(rules, stored[rules], added),
        ),
        Line(
            "profile P tag add", ["profile", profile, "tag", "add", "WEB"], SMALL,
            change=Change(tags, stored[tags], [*json.loads(stored[tags]), "WEB"]),
        ),
        Line("endpoint show of one endpoint", ["endpoint", "show", *one], SMALL),
        Line("endpoint show --detailed of one endpoint", ["endpoint", "show", "--detailed", *one], SMALL),
    ]  # fmt: skip


def one_endpoint() -> list[str]:
    """Return filters that match exactly one of the endpoints."""
    ((key, _),) = dataset.endpoints(7, 8)
    _, _, _, _, host, _, orchestrator, workload, _, endpoint = key.split("/")
    return [f"--host={host}", f"--orchestrator={orchestrator}", f"--workload={workload}", f"--endpoint={endpoint}"]


def numbers_of_profiles(bench: Bench) -> None:
    """Measure growing numbers of profiles, and the time that each further profile takes."""
    dataset.clear(bench.etcd)
    report = bench.report
    report.heading("Numbers of profiles")
    report.columns(
        "profiles", "`profile show` ms", "above that of 10, µs a profile", "`profile P rule show` ms"
    )
    counts = (10, 100, 1_000, 10_000)
    all_names, one = bench.ours("profile", "show"), bench.ours("profile", "profile-0001", "rule", "show")
    growth: list[Growth] = []
    for count in counts:
        dataset.put_all(bench.etcd, dataset.profiles(count))
        figures = bench.measure([all_names, one])
        median = figures[all_names.name].median
        growth.append(Growth(count, median, growth[0].start_up if growth else median))
        report.row(f"{count:,}", figures[all_names.name].ms, growth[-1].each, figures[one.name].ms)
    linear(bench, "profile show", growth)


class Growth(NamedTuple):
    """The time of a command for a number of items, and its start-up time without them; both in seconds."""

    number: int
    median: float
    start_up: float

    @property
    def seconds_each(self) -> float:
        """The time for each item in seconds, without the start-up time."""
        return (self.median - self.start_up) / self.number

    @property
    def is_measurable(self) -> bool:
        """Whether the time for the items is larger than the noise."""
        return self.median - self.start_up > NOISE * self.start_up

    @property
    def each(self) -> str:
        """The time for each item in µs, as text for a table."""
        return f"{1e6 * self.seconds_each:.1f}" if self.is_measurable else "within the noise"


def linear(bench: Bench, name: str, growth: Sequence[Growth]) -> None:
    """Print and check whether the time for each item is about the same for the two largest numbers of items."""
    measurable = [each for each in growth if each.is_measurable]
    if len(measurable) < 2:
        return
    before, last = measurable[-2:]
    factor, bound = bench.report.bounded(f"growth of {name}", last.seconds_each / before.seconds_each, LINEAR)
    print(f"\nGrowth of `{name}`: at {last.number:,}, each takes {factor} times what it takes at {before.number:,}; "
          f"at most {bound}.")  # fmt: skip


def endpoints(bench: Bench, counts: list[int]) -> None:
    """Measure growing numbers of endpoints on 100 hosts."""
    loaded = 0
    dataset.clear(bench.etcd)
    report = bench.report
    report.heading("Endpoints")
    report.columns("endpoints", "command", "runs", "naive ms", "calicoctl ms", "MB", "ratio", "at most",
                   "over the start-up, µs an endpoint")  # fmt: skip
    growth: dict[str, list[Growth]] = {"endpoint show": [], "endpoint show --detailed": []}
    bounds = {(10_000, "endpoint show --detailed"): 0.45, (MANY, "endpoint show --detailed"): 0.5}
    for count in counts:
        dataset.put_all(bench.etcd, dataset.endpoints(loaded, count))
        loaded = count
        runs = bench.long_runs if count >= MANY else bench.runs
        for title in growth:
            words = title.split()
            lines = [Line(title, words, bounds.get((count, title))),
                     Line(f"{title} of one endpoint", [*words, *one_endpoint()], SMALL)]  # fmt: skip
            figures = bench.race(lines, runs)
            # The same command for one endpoint runs in turn with it. Its time counts as the start-up time.
            growth[title].append(Growth(count, *(ours.median for _, ours in figures)))
            for line, (naive, ours) in zip(lines, figures, strict=True):
                name = f"{count:,}: {line.title}"
                ratio = report.bounded(name, ours.median / naive.median, line.bound)
                memory, most = report.bounded(f"{name}, MB", ours.peak_mb, 450 if count == MANY else None, ".0f")
                each = growth[title][-1].each if line.title == title else ""
                report.row(f"{count:,}", line.title, str(runs), naive.ms, ours.ms,
                           f"{memory} (at most {most})" if most else memory, *ratio, each)  # fmt: skip
    for title, steps in growth.items():
        linear(bench, title, steps)
    progress(bench, counts[-1])


def progress(bench: Bench, count: int) -> None:
    """Measure the cost of the progress line: read all endpoints with and without a terminal."""
    detailed = bench.ours("endpoint", "show", "--detailed")
    file, terminal = "a file", "a terminal"
    figures = bench.measure(
        [detailed._replace(name=file), detailed._replace(name=terminal, terminal=True)],
        bench.long_runs if count >= MANY else bench.runs,
    )
    bench.report.heading("Long reads")
    bench.report.columns(f"`endpoint show --detailed` of {count:,}, standard error is", "median ms", "ratio")
    for name, figure in figures.items():
        bench.report.row(name, figure.ms, f"{figure.median / figures[file].median:.2f}")


def completion(bench: Bench) -> None:
    """Measure completion: the whole process that a shell starts when TAB is pressed."""
    dataset.clear(bench.etcd)
    dataset.put_all(bench.etcd, dataset.profiles(100))
    lines = {
        "a command": ["calicoctl", "pro"],
        "a keyword of `profile`": ["calicoctl", "profile", "P", "rule", "add", "inbound", "allow", "t"],
        "an option of `endpoint`": ["calicoctl", "endpoint", "show", "--de"],
        "a command of calicoq": ["calicoq", "ver"],
        "a profile, from etcd": ["calicoctl", "profile", "profile-00"],
        "a tag, from etcd": ["calicoctl", "profile", "profile-0001", "tag", "remove", "profile-"],
    }
    figures = bench.measure([
        PASS,
        *(bench.ours("completion", "candidates", "--", *words)._replace(name=name) for name, words in lines.items()),
    ])  # fmt: skip
    bench.report.heading("Completion")
    bench.report.columns("what is completed", "median ms", f"ratio to `{PASS.name}`", "at most")
    for name, figure in figures.items():
        ratio = figure.median / figures[PASS.name].median
        bench.report.row(name, figure.ms, *bench.report.bounded(name, ratio, None if name == PASS.name else TAB))


def profiles_of_endpoints(bench: Bench) -> None:
    """Compare `profile show --detailed` with `endpoint show --detailed`: 1,000 profiles on 10,000 endpoints."""
    dataset.clear(bench.etcd)
    dataset.put_all(bench.etcd, dataset.profiles(1_000))
    dataset.put_all(bench.etcd, dataset.endpoints(0, 10_000, profiles=1_000))
    reference = bench.ours("endpoint", "show", "--detailed")
    figures = bench.measure([reference, bench.ours("profile", "show", "--detailed")])
    bench.report.heading("1,000 profiles on 10,000 endpoints")
    bench.compare(reference.name, figures, {"calicoctl profile show --detailed": 1.5})


def policies_of_endpoints(bench: Bench) -> None:
    """Compare calicoq with `endpoint show --detailed`: 10,000 endpoints and 500 policies, five for each endpoint."""
    applications = 100
    dataset.clear(bench.etcd)
    dataset.put_all(bench.etcd, [("/calico/v1/Ready", "true"), *dataset.profiles(10)])
    dataset.put_all(bench.etcd, dataset.policies(500, applications))
    dataset.put_all(bench.etcd, dataset.labelled(dataset.endpoints(0, 10_000), applications))
    reference = bench.ours("endpoint", "show", "--detailed")
    lines = [
        bench.calicoq("endpoint", ""),
        bench.calicoq("endpoint", "", "-rs"),
        bench.calicoq("endpoint", "", "-o", "json"),
        bench.calicoq("check"),
    ]
    figures = bench.measure([reference, *lines])
    bench.report.heading("calicoq: 500 policies and 10,000 endpoints")
    bench.compare(reference.name, figures, {"calicoq endpoint ''": 4.0, "calicoq endpoint '' -rs": 4.0})


def flows_of_endpoints(bench: Bench) -> None:
    """Compare flows with `endpoint show --detailed`: 10,000 endpoints with 1,000 profiles of 10 rules each."""
    dataset.clear(bench.etcd)
    dataset.put_all(bench.etcd, [("/calico/v1/Ready", "true"), *flows.profiles(1_000)])
    dataset.put_all(bench.etcd, dataset.endpoints(0, 10_000, profiles=1_000))
    reference = bench.ours("endpoint", "show", "--detailed")
    change = bench.folder / "change.json"
    change.write_text(json.dumps(flows.change_of_a_profile()), encoding="utf-8")
    reach, difference = bench.calicoq("reach"), bench.calicoq("diff", f"--with={change}")
    # The status of diff is 1 if a flow changes, which is not a failure.
    difference = difference._replace(name="calicoq diff --with=FILE", command=[*SUCCEEDING, *difference.command])
    lines = [reach, bench.calicoq("reach", one_endpoint()[-1].partition("=")[2]), difference]
    figures = bench.measure([reference, *lines])
    report = bench.report
    report.heading("Flows: 1,000 profiles of 10 rules on 10,000 endpoints")
    bench.compare(reference.name, figures, {reach.name: 5.0, difference.name: 5.0 * 1.3})
    ratio, bound = report.bounded("diff", figures[difference.name].median / figures[reach.name].median, 1.3)
    print(f"\n`{difference.name}` takes {ratio} times what `{reach.name}` takes; at most {bound}.")
    for name in (reach.name, difference.name):
        ratio, bound = report.bounded(f"memory of {name}", figures[name].peak_mb / figures[reference.name].peak_mb, 3.0)
        print(f"\n`{name}` needs {ratio} times the memory of `{reference.name}`; at most {bound}.")


def lint_of_rules(bench: Bench) -> None:
    """Compare lint with `rule show` for a profile with 10,000 rules."""
    dataset.clear(bench.etcd)
    key = "/calico/v1/policy/profile/many/rules"
    dataset.put_all(bench.etcd, [("/calico/v1/Ready", "true"), (key, many_rules.rules(many_rules.RULES))])
    reference = bench.ours("profile", "many", "rule", "show")
    lint = bench.calicoq("lint")
    figures = bench.measure([reference, lint])
    bench.report.heading(f"calicoq lint of {many_rules.RULES:,} rules")
    bench.compare(reference.name, figures, {lint.name: 15.0})


SECTIONS: dict[str, Callable[[Bench, argparse.Namespace], None]] = {
    "help": lambda bench, options: no_datastore(bench),
    "small": lambda bench, options: small(bench),
    "imports": lambda bench, options: imports.run(bench),
    "numbers": lambda bench, options: numbers_of_profiles(bench),
    "rules": lambda bench, options: many_rules.run(bench),
    "profiles": lambda bench, options: profiles_of_endpoints(bench),
    "calicoq": lambda bench, options: policies_of_endpoints(bench),
    "flows": lambda bench, options: flows_of_endpoints(bench),
    "lint": lambda bench, options: lint_of_rules(bench),
    "completion": lambda bench, options: completion(bench),
    "endpoints": lambda bench, options: endpoints(bench, options.endpoints),
}


def main() -> int:
    """Read the options, measure, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--runs", type=int, default=20,
        help=f"measured runs of each command (default 20); from {MANY:,} endpoints on, a quarter of this number",
    )  # fmt: skip
    parser.add_argument("--endpoints", default="1000,10000,100000", help="numbers of endpoints in ascending order")
    parser.add_argument("--sections", default=",".join(SECTIONS), help=f"some of {','.join(SECTIONS)}")
    options = parser.parse_args()
    options.endpoints = [int(count) for count in options.endpoints.split(",")]
    sections = options.sections.split(",")
    if unknown := set(sections) - set(SECTIONS):
        parser.error(f"no such sections: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.runs, Path(folder))
        print(f"- Machine: {os.cpu_count()} cores, CPython {platform.python_version()}, "
              f"urllib3 {importlib.metadata.version('urllib3')}, etcd {dataset.version(bench.etcd)} on the loopback "
              f"address. Medians of {options.runs} runs unless it says otherwise.")  # fmt: skip
        begin = time.monotonic()
        for section in sections:
            SECTIONS[section](bench, options)
        print(f"\nMeasured in {time.monotonic() - begin:.0f} s.")
    return bench.report.conclude()


if __name__ == "__main__":
    sys.exit(main())
