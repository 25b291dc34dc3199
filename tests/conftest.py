"""Fixtures: a real etcd, and calicoctl with it, in this process or in a separate one."""

from __future__ import annotations

import importlib
import io
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import settings

from tests import sampling
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy
from tests.sampling import Sampling

# A process that a shell or nohup starts in the background ignores signals, and so would all processes
# that the tests start.
for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, default)

TESTS = Path(__file__).parent
CONFORMANCE_DIR = "CALICO_CONFORMANCE_DIR"
PROCESS_SECONDS = 60.0
NO_SYSTEM_FILE = "/nonexistent/calicoctl.cfg"  # the tests never use the configuration of this machine

class Result(NamedTuple):
    """The result of a command: its exit status and all output."""

    status: int
    stdout: str
    stderr: str


PROGRAMS = {"calicoctl": "calicoctl.cli", "calicoq": "calicoctl.calicoq.cli"}


class Calicoctl:
    """Runs calicoctl with a given environment and nothing else of the caller's: `calicoctl("profile", "show")`.

    A call runs it in this process, `process` in a separate one. `stdin` is the content of standard input; `env` adds
    variables to the environment or, with None as the value, removes them. `program` names another program to run, and
    `system_file` the configuration file for all users; a separate process has the machine's file, but does not read it
    while the environment locates etcd.
    """

    def __init__(
        self, environ: Mapping[str, str], program: str = "calicoctl", system_file: str = NO_SYSTEM_FILE
    ) -> None:
        self.environ = environ
        self.program = program
        self.system_file = system_file

    def __call__(self, *arguments: str, stdin: str | bytes = "", env: Mapping[str, str | None] | None = None) -> Result:
        run = importlib.import_module(PROGRAMS[self.program]).run
        streams = [_stream(stdin), _stream(), _stream()]
        status = run(list(arguments), self._changed(env), *streams, system_file=self.system_file)
        return Result(status, _written(streams[1]), _written(streams[2]))

    def process(self, *arguments: str, stdin: str | bytes = "", env: Mapping[str, str | None] | None = None) -> Result:
        done = subprocess.run(
            self.command(*arguments),
            input=_encoded(stdin),
            env=self._changed(env),
            capture_output=True,
            timeout=PROCESS_SECONDS,
        )
        return Result(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))

    def command(self, *arguments: str) -> list[str]:
        """The command line of a process, as its console script would start it."""
        return [sys.executable, "-c", f"from calicoctl.start import {self.program} as run; run()", *arguments]

    def _changed(self, env: Mapping[str, str | None] | None) -> dict[str, str]:
        changed = {**self.environ, **(env or {})}
        return {name: value for name, value in changed.items() if value is not None}


def _encoded(text: str | bytes) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else text


def _stream(text: str | bytes = "") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(_encoded(text)), encoding="utf-8", newline="")


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--torture", action="store_true", help="also run the long tests, and every case of the others")
    parser.addoption("--seed", type=int, help="the seed of random cases (default: 1; with --torture a random number)")
    parser.addoption("--quarters", default="0", help="which of the four quarters of all cases to run, for example 1,3")
    parser.addoption("--quick", action="store_true", help="run only quick tests that start no process except etcd")
    parser.addoption("--rooms", action="store_true", help="show what the tests of each room take")
    parser.addoption("--shuffle", action="store_true", help="run the tests in a random order determined by the seed")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    sampling.parse_quarters(config.option.quarters)
    if config.option.seed is None:  # CI tests a change with the same cases each time
        config.option.seed = random.randrange(10**9) if config.option.torture else 1
    if config.option.torture:
        config.option.hypothesis_seed = str(config.option.seed)
    settings.register_profile(
        "calicoctl",
        max_examples=sampling.EXAMPLES_OF_TORTURE if config.option.torture else sampling.EXAMPLES,
        deadline=None,  # the duration of an example depends on the machine more than on calicoctl
        derandomize=not config.option.torture,
    )
    settings.load_profile("calicoctl")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more worker than processors, because tests sometimes wait; each worker has its own etcd."""
    return min(len(os.sched_getaffinity(0)) + 1, 8)


def pytest_report_header(config: pytest.Config) -> str:
    return f"random cases: --seed={config.getoption('--seed')}"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if config.getoption("--quick") and collection_path in (TESTS / "containers", TESTS / "speed", TESTS / "trust"):
        return True
    return None


LONG_TESTS = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)  # after hypothesis has marked its tests
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--torture"):
        _keep(_has_more_cases, config, items)
    else:
        config.stash[LONG_TESTS] = _keep(lambda item: not item.get_closest_marker("torture"), config, items)
    if config.getoption("--quick"):
        _keep(lambda item: not any(map(item.get_closest_marker, ("once", "hypothesis"))), config, items)
    if config.getoption("--shuffle"):
        random.Random(config.getoption("--seed")).shuffle(items)


def _has_more_cases(item: pytest.Item) -> bool:
    """Whether a test does more with --torture than without it: it is long, or chooses cases, or these are random."""
    chooses = {"sampling", "dice"}.intersection(getattr(item, "fixturenames", ()))
    return bool(chooses) or any(map(item.get_closest_marker, ("torture", "hypothesis")))


def _keep(wanted: Callable[[pytest.Item], bool], config: pytest.Config, items: list[pytest.Item]) -> int:
    """Deselect all tests but those that are wanted; return how many they are."""
    others = [item for item in items if not wanted(item)]
    config.hook.pytest_deselected(items=others)
    items[:] = filter(wanted, items)
    return len(others)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["long_tests"] = session.config.stash.get(LONG_TESTS, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Called when an xdist worker ends; all workers have collected the same tests."""
    node.config.stash[LONG_TESTS] = getattr(node, "workeroutput", {}).get("long_tests", 0)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    reports = [each for of_kind in terminalreporter.stats.values() for each in of_kind if hasattr(each, "when")]
    lines = sampling.seconds_of_rooms(reports) if config.getoption("--rooms") else []
    torture = config.getoption("--torture")
    lines += sampling.summary(reports, config.stash.get(LONG_TESTS, 0), config.getoption("--seed"), torture)
    for line in lines:
        terminalreporter.write_line(line)


PROCESSOR_SECONDS = pytest.StashKey[float]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    item.stash[PROCESSOR_SECONDS] = sampling.processor_seconds()
    yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Note what a test has cost; its teardown may be that of the whole session, with the processor time of etcd."""
    try:
        yield
    finally:
        cost = sampling.processor_seconds() - item.stash[PROCESSOR_SECONDS]
        item.user_properties.append(("processor", cost))


@pytest.fixture(scope="session", autouse=True)
def few_processes(pytestconfig: pytest.Config) -> None:
    """With --quick, skip each test at the moment it starts a process other than etcd."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen" and not str(arguments[0]).endswith("/etcd"):
            pytest.skip("starts a process, so it is not for --quick")

    if pytestconfig.getoption("--quick"):
        sys.addaudithook(hook)


@pytest.fixture(name="sampling")
def choice_of_cases(request: pytest.FixtureRequest) -> Iterator[Sampling]:
    """Chooses the cases of a test for this run."""
    config = request.config
    chosen = Sampling(config.getoption("--torture"), sampling.parse_quarters(config.getoption("--quarters")))
    yield chosen
    request.node.user_properties += [("cases", chosen.taken), ("left", chosen.left)]


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """A test's source of random cases, determined by the seed and the test's name alone."""
    return random.Random(f"{request.config.getoption('--seed')} {request.node.name}")


@pytest.fixture(scope="session")
def etcd_server() -> Iterator[EtcdServer]:
    """One etcd for all tests; its data need not survive a power failure."""
    with EtcdServer(["--unsafe-no-fsync"]) as server:
        yield server


@pytest.fixture
def etcd(etcd_server: EtcdServer) -> EtcdServer:
    """The etcd of all tests, cleared for this one."""
    etcd_server.renew()
    return etcd_server


@pytest.fixture(scope="session")
def no_home(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty directory, so that tests ignore the configuration of the user who runs them."""
    return str(tmp_path_factory.mktemp("home"))


@pytest.fixture
def calicoctl(etcd: EtcdServer, no_home: str) -> Calicoctl:
    """calicoctl for the cleared etcd, with a minimal environment.

    With CALICO_CTL_CONTAINER it leaves the kernel's settings of this machine alone.
    """
    path = {"PATH": os.environ["PATH"]} if "PATH" in os.environ else {}
    own = {"HOME": no_home, "LANG": "C.UTF-8", "EDITOR": "true", "CALICO_CTL_CONTAINER": "true"}
    return Calicoctl(etcd.environ({**path, **own}))


@pytest.fixture(scope="session")
def namespace() -> Iterator[None]:
    """The namespace that the rows of `container` use; None if namespaces cannot be created."""
    from tests.command_lines import NAMESPACE
    from tests.containers.namespaces import why_no_namespaces

    if why_no_namespaces() is not None:
        yield
        return
    NAMESPACE.make()
    yield
    NAMESPACE.delete()


@pytest.fixture(scope="session")
def bundle_file() -> Iterator[None]:
    """The file that the row of `diags` writes, which is gone after the tests."""
    from tests.command_lines import BUNDLE

    yield
    Path(BUNDLE).unlink(missing_ok=True)


@pytest.fixture
def on_host(calicoctl: Calicoctl, namespace: None, bundle_file: None) -> None:
    """calicoctl on the host `h1` without Docker, which can run every row of tests/command_lines.py."""
    calicoctl.environ = {**calicoctl.environ, "HOSTNAME": "h1", "DOCKER_HOST": "unix:///none"}


@pytest.fixture
def proxy(etcd: EtcdServer, calicoctl: Calicoctl) -> Iterator[Proxy]:
    """A proxy between `calicoctl` and etcd."""
    with Proxy(etcd) as proxy:
        calicoctl.environ = {**calicoctl.environ, "ETCD_AUTHORITY": proxy.authority}
        yield proxy


@pytest.fixture(scope="session")
def conformance_dir() -> Path:
    """The directory with inputs and results of the original programs' tests."""
    folder = os.environ.get(CONFORMANCE_DIR)
    if not folder:
        pytest.skip(f"{CONFORMANCE_DIR} is not the directory of the original programs' test data")
    return Path(folder)
