"""A copy of keys in memory, which answers as etcd does: for what was saved, and for changes that are only tried."""

from __future__ import annotations

from calicoctl.etcd.errors import Conflict

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from calicoctl.etcd.client import RawNode


class MemoryClient:
    """The part of ``Client`` that reads and edits keys; a node is a value, or a directory that has nothing below it."""

    def __init__(self, nodes: Iterable[RawNode], index: int) -> None:
        self.index = index
        self.remarks: list[str] = []
        self._nodes = {node["key"]: node for node in nodes}
        self._sorted: list[str] | None = None

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def remark(self, text: str) -> None:
        """Do as ``Client.remark``."""
        if text not in self.remarks:
            self.remarks.append(text)

    def get(self, key: str, recursive: bool = False, quorum: bool = False) -> RawNode | None:
        """Return a node as ``Client.get`` does; a directory always with all that is below it."""
        path = _unquoted(key)
        if path in self._nodes:
            return self._nodes[path]
        below = self._below(path)
        if not below:
            return None
        root: RawNode = {"key": path, "dir": True, "nodes": [], "modifiedIndex": 0, "createdIndex": 0}
        directories = {path: root}
        for name in below:
            parent = _directory(name.rpartition("/")[0], directories)
            parent["nodes"].append(self._nodes[name])
        return root

    def create(self, key: str, value: str) -> int:
        """Do as ``Client.create``. Raises Conflict."""
        path = _unquoted(key)
        if path in self._nodes or self._below(path):
            raise Conflict
        return self._put(path, value, self.index + 1)

    def swap(self, key: str, value: str, index: int) -> int:
        """Do as ``Client.swap``. Raises Conflict."""
        path = _unquoted(key)
        if path not in self._nodes or self._nodes[path].get("modifiedIndex") != index:
            raise Conflict
        return self._put(path, value, self._nodes[path].get("createdIndex", index))

    def put(self, key: str, value: str) -> RawNode:
        """Do as ``Client.put``."""
        path = _unquoted(key)
        self._put(path, value, self._nodes.get(path, {}).get("createdIndex", self.index + 1))
        return self._nodes[path]

    def delete(self, key: str, index: int) -> bool:
        """Do as ``Client.delete``. Raises Conflict."""
        path = _unquoted(key)
        if path not in self._nodes:
            return False
        if self._nodes[path].get("modifiedIndex") != index:
            raise Conflict
        del self._nodes[path]
        self._sorted = None
        self.index += 1
        return True

    def prune(self, directory: str) -> None:
        """Do as ``Client.prune``."""
        path = _unquoted(directory)
        if self._nodes.get(path, {}).get("dir"):
            del self._nodes[path]
            self._sorted = None
            self.index += 1

    def delete_tree(self, key: str, node: RawNode) -> bool:
        """Do as ``Client.delete_tree``."""
        path = _unquoted(key)
        gone = [name for name in (path, *self._below(path)) if self._nodes.pop(name, None)]
        self._sorted = None
        self.index += 1
        return bool(gone)

    def nodes(self) -> Iterator[RawNode]:
        """Yield all nodes in the order of their keys."""
        yield from (self._nodes[key] for key in sorted(self._nodes))

    def count(self) -> int:
        """Return the number of keys that have a value."""
        return sum("value" in node for node in self._nodes.values())

    def _put(self, path: str, value: str, created: int) -> int:
        self.index += 1
        self._sorted = None
        self._nodes[path] = {"key": path, "value": value, "modifiedIndex": self.index, "createdIndex": created}
        return self.index

    def _below(self, path: str) -> list[str]:
        from bisect import bisect_left

        if self._sorted is None:
            self._sorted = sorted(self._nodes)
        begin = bisect_left(self._sorted, f"{path}/")
        return self._sorted[begin : bisect_left(self._sorted, f"{path}0")]  # "0" is the character after "/"


def leaves(tree: RawNode | None) -> Iterator[RawNode]:
    """Yield the values of a tree, and its directories that have nothing below them."""
    pending = [tree] if tree else []
    while pending:
        node = pending.pop()
        if node.get("dir") and node.get("nodes"):
            pending.extend(node["nodes"])
        else:
            yield node


def _directory(path: str, directories: dict[str, RawNode]) -> RawNode:
    """Return a directory of the tree that is being made, with those that it is in."""
    missing = []
    while path not in directories:
        missing.append(path)
        path = path.rpartition("/")[0]
    for name in reversed(missing):
        made: RawNode = {"key": name, "dir": True, "nodes": [], "modifiedIndex": 0, "createdIndex": 0}
        directories[path]["nodes"].append(made)
        directories[name] = made
        path = name
    return directories[path]


def _unquoted(key: str) -> str:
    if "%" not in key:
        return key.rstrip("/")
    from urllib.parse import unquote

    return unquote(key, errors="surrogatepass").rstrip("/")
