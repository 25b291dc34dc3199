"""The dependencies between the rooms of calicoctl/, and what may be done in only one place: from imports and
strings.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

HOME = Path(__file__).parents[1] / "calicoctl"

# The imports of each room, and no fewer: rooms, or single modules in them. A room imports only rooms above it, but
# completion also imports the programs below it, to read their tables of commands and usage texts, and commands show
# changes of flows as calicoq does.
IMPORTS = {
    "errors": "",
    "output": "",
    "colour": "",
    "pager": "",
    "signals": "",
    "progress": "signals",
    "package_data": "",
    "private_file": "errors",
    "grammar": "",
    "expected": "grammar",
    "usage": "",
    "suggestion": "output",
    "listings": "errors",
    "global_options": "listings",
    "usage_error": "expected global_options grammar suggestion",
    "configuration": "errors output suggestion",
    "model": "",
    "undo": "errors",
    "etcd": "errors output progress",  # the parts of output that compose and escape messages; it never prints
    "datastore": "errors model output signals etcd",
    "environment": "errors output colour pager progress configuration etcd signals",
    "host": "errors model output signals etcd.settings",  # masks the password that DOCKER_HOST may contain
    "resources": "errors model output etcd datastore environment package_data",
    "rows": "listings output environment resources.text",
    "completion": "errors expected global_options listings usage model configuration etcd datastore host.hostname "
    "resources.kinds calicoq.cli",
    "felix": "model datastore",
    "flows": "model felix",
    "commands": "calicoq.diff calicoq.state errors model output signals undo configuration etcd datastore "
    "environment felix grammar host resources completion package_data private_file suggestion "
    "usage",
    "cli": "errors environment global_options grammar listings rows suggestion usage usage_error commands",
    "calicoq": "errors model output etcd.memory datastore environment felix flows grammar package_data "
    "private_file resources suggestion usage cli",
    "start": "signals cli calicoq.cli",
    "__main__": "start",
}
UPWARDS = {("completion", "calicoq"), ("commands", "calicoq")}

# Where third-party packages are imported; python-etcd is imported by name beside urllib3.
PACKAGES = {
    "docker": {"host.docker"},
    "docopt": {"grammar"},
    "netaddr": {"felix.objects", "model.network"},
    "prettytable": {"output"},
    "requests": {"host.docker"},
    "urllib3": {"etcd.https"},
    "yaml": {"configuration.text", "resources.documents", "resources.text"},
}

# Further imports of the model: nothing that reads, writes or waits. It uses only the address forms of socket.
PURE = set("__future__ base64 collections difflib hashlib json math netaddr re socket typing".split())


def _name(path: Path) -> str:
    return ".".join(path.relative_to(HOME).with_suffix("").parts).removesuffix(".__init__")


TREES = {_name(path): list(ast.walk(ast.parse(path.read_bytes()))) for path in sorted(HOME.rglob("*.py"))}


def _imports(nodes: list[ast.AST]) -> Iterator[str]:
    """Yield all imports, including those in functions and for type hints, and modules of ours named in strings.

    importlib is given such strings, or their beginnings. Names of our modules are relative to ``calicoctl.``.
    """
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("calicoctl.") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "an import is relative"
            for alias in node.names:
                name = f"{node.module}.{alias.name}".removeprefix("calicoctl.")
                yield name if name in TREES else str(node.module).removeprefix("calicoctl.")
        elif isinstance(node, ast.Constant) and re.fullmatch(r"calicoctl(\.[a-z_]+)+\.?", str(node.value)):
            yield str(node.value).removeprefix("calicoctl.").rstrip(".")


IMPORTED = {module: set(_imports(nodes)) for module, nodes in TREES.items()}


def room(module: str) -> str:
    return module.partition(".")[0]


def test_each_room_imports_what_the_table_says() -> None:
    actual: dict[str, set[str]] = {name: set() for name in IMPORTS}
    for module in TREES.keys() - {"__init__"}:
        for name in IMPORTED[module]:
            if room(name) in IMPORTS and room(name) != room(module):
                actual[room(module)].add(name if name in IMPORTS[room(module)].split() else room(name))
    assert actual == {name: set(said.split()) for name, said in IMPORTS.items()}


def test_no_module_imports_a_name_twice() -> None:
    for module, nodes in TREES.items():
        of_functions = {
            id(inner)
            for node in nodes
            if isinstance(node, ast.FunctionDef)
            for inner in ast.walk(node)
            if isinstance(inner, ast.ImportFrom)
        }
        of_module = [
            alias.asname or alias.name
            for node in nodes
            if isinstance(node, ast.ImportFrom) and id(node) not in of_functions
            for alias in node.names
        ]
        assert sorted(of_module) == sorted(set(of_module)), module


def test_rooms_import_only_rooms_above_them() -> None:
    order = list(IMPORTS)
    edges = {(importer, room(name)) for importer, said in IMPORTS.items() for name in said.split()}
    assert {(one, other) for one, other in edges if order.index(one) <= order.index(other)} == UPWARDS


def test_third_party_packages_are_imported_only_where_listed() -> None:
    for package, places in PACKAGES.items():
        assert {module for module, names in IMPORTED.items() if package in map(room, names)} == places, package


def test_model_does_no_io() -> None:
    inside = {module: names for module, names in IMPORTED.items() if room(module) == "model"}
    assert {room(name) for names in inside.values() for name in names} - {"model"} == PURE
    from_socket = [node for module in inside for node in TREES[module] if getattr(node, "module", "") == "socket"]
    names = {alias.name for node in from_socket if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert names == {"AF_INET", "AF_INET6", "inet_ntop", "inet_pton"}


def test_resource_engine_is_independent_of_kinds() -> None:
    modules = {module.removeprefix("resources.") for module in TREES if module.startswith("resources.")}
    kinds = {module.partition(".")[0] for module in modules if "." in module}
    engine = {module for module in modules - kinds if "." not in module}
    assert {"changes", "kind"} <= engine and "profile" in kinds
    for module in engine - {"kinds"}:
        words = set(re.findall(r"[a-z]+", (HOME / "resources" / f"{module}.py").read_text("utf-8").lower()))
        words |= {word[:-1] for word in words if word.endswith("s")}
        assert not words & {*kinds, "profile", "rule", "barred", "barring"}, module


def test_things_done_in_one_place_only() -> None:
    def where(is_it: type[ast.AST], pattern: str) -> set[str]:
        """Return the modules with a node of this type whose source text begins with a pattern."""
        return {
            module
            for module, nodes in TREES.items()
            if any(isinstance(node, is_it) and re.match(pattern, ast.unparse(node)) for node in nodes)
        }

    assert where(ast.Constant, "'/calico/") == {"datastore.keys"}
    assert where(ast.Attribute, r"sys\.std(in|out|err)$") == {"cli"}
    assert where(ast.Call, r"print\(") == set()
    assert where(ast.Call, r"time\.sleep\(") == {"signals"}
    assert where(ast.Name, "__file__$") == set()  # a zip file has no such attribute
    assert where(ast.Attribute, r".*\.__path__$") == {"package_data"}
    assert {module for module, names in IMPORTED.items() if room(module) == "commands" and "json" in names} == {
        "commands.ipam"  # the attributes of an address are printed as their JSON
    }


# Modules that most rooms use; the picture leaves them out.
COMMON = set("errors output colour pager signals progress undo package_data private_file suggestion".split())


def picture() -> str:
    """Return IMPORTS as a Mermaid diagram, without the arrows that follow from others."""
    direct = {
        importer: {room(name) for name in said.split() if (importer, room(name)) not in UPWARDS} - COMMON
        for importer, said in IMPORTS.items() if importer not in COMMON
    }  # fmt: skip
    below: dict[str, set[str]] = {}
    for importer, imported in direct.items():  # lowest first
        below[importer] = imported.union(*(below.get(name, set()) for name in imported))
    lines = ["flowchart TD"]
    for importer, imported in reversed(direct.items()):
        implied = set().union(*(below.get(name, set()) for name in imported))
        lines += [f"    {importer} --> {name}" for name in sorted(imported - implied)]
    return "\n".join(lines)


def test_diagram_in_contributing_agrees_with_table() -> None:
    page = (HOME.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    block = re.search(r"```mermaid\n(.*?)\n```", page, re.DOTALL)
    assert block and block[1] == picture(), f"replace the picture in CONTRIBUTING.md by:\n{picture()}"
