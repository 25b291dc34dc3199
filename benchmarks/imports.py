"""Measure the import time of the modules of calicoctl, and of those that only the naive script loads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence

from benchmarks import dataset
from benchmarks.bench import Bench

RUNS = 9
REST = "the rest"
WORTH_A_LINE = 1.0  # ms

# Groups of modules: title, the modules, including their submodules, and why they are loaded. The first match counts.
GROUPS: list[tuple[str, str, str]] = [
    ("calicoctl itself", "calicoctl", "small files, from byte-code"),
    ("enum, re, functools, signal, docopt",
     "enum re _sre copyreg types operator _operator functools _functools collections _collections itertools keyword "
     "reprlib signal docopt warnings importlib",
     "the grammar: docopt compares by regular expressions. signal makes enums of its numbers"),
    ("socket, selectors", "socket _socket selectors select array errno math", "the connection"),
    ("json", "json _json", "the values"),
]  # fmt: skip


def run(bench: Bench) -> None:
    """Print two tables for `profile show`: calicoctl's imports, and those that only the naive script needs."""
    dataset.clear(bench.etcd)
    dataset.put_all(bench.etcd, dataset.profiles(10))
    python = _least(bench, [sys.executable, "-c", "pass"])
    ours = _without(_least(bench, bench.ours("profile", "show").command), python)
    naive = _without(_least(bench, bench.naive("profile", "show").command), python)

    bench.report.heading("The remaining start-up time, by import")
    print(f"`calicoctl profile show` takes {sum(ours.values()):.0f} ms more than `python -c pass`, in {len(ours)} "
          "modules. This includes the cost of `-X importtime` itself. The time of each module is the minimum of "
          f"{RUNS} runs.\n")  # fmt: skip
    reasons = {title: why for title, _, why in GROUPS}
    reasons[REST] = f"`{' '.join(sorted(module for module in ours if _group(module) == REST))}`"
    bench.report.columns("what", "ms", "why it is needed")
    for title, ms in _grouped(ours, _group):
        bench.report.row(title, f"{ms:.1f}", reasons[title])

    extra = _without(naive, ours)
    print(f"\nThe naive script spends {sum(naive.values()):.0f} ms in {len(naive)} modules. In addition, it loads:\n")
    bench.report.columns("what", "ms")
    packages = dict(_grouped(extra, lambda module: module.partition(".")[0]))
    for package, ms in _grouped(packages, lambda name: name if packages[name] >= WORTH_A_LINE else REST):
        bench.report.row(package, f"{ms:.1f}")


def _least(bench: Bench, command: Sequence[str]) -> dict[str, float]:
    """Return the modules that a Python command imports, with the shortest time in ms over all runs.

    The time of a module does not include the modules that it imports.
    """
    least: dict[str, float] = {}
    python, *arguments = command
    for _ in range(RUNS):
        done = subprocess.run(
            [python, "-X", "importtime", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=bench.environ,
            check=True,
        )  # fmt: skip
        for line in done.stderr.splitlines():
            own, _, module = line.removeprefix("import time:").split("|")
            if own.strip().isdigit():  # skips the heading
                name = module.strip()
                least[name] = min(int(own) / 1000, least.get(name, float("inf")))
    return least


def _without(modules: Mapping[str, float], others: Iterable[str]) -> dict[str, float]:
    return {name: ms for name, ms in modules.items() if name not in others}


def _group(module: str) -> str:
    for title, names, _ in GROUPS:
        if any(f"{module}.".startswith(f"{name}.") for name in names.split()):
            return title
    return REST


def _grouped(times: Mapping[str, float], group: Callable[[str], str]) -> list[tuple[str, float]]:
    """Return the sum of the times for each group, the largest first and the modules without a group last."""
    sums: dict[str, float] = {}
    for name, ms in times.items():
        sums[group(name)] = sums.get(group(name), 0.0) + ms
    return sorted(sums.items(), key=lambda item: (item[0] == REST, -item[1]))
