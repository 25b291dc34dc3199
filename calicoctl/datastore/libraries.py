"""python-etcd, urllib3 and http.client, imported without the modules that they load and that no command ever uses.

Loading them is most of the time of a small command. What they import only to call it in rare cases, or never in
this program, is replaced during their import by a stand-in that loads the real module when something is asked of it.
So nothing is missing, it only comes later. If a release of the libraries does not get along with that, they are
imported plainly.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

# Module: the functions that are imported from it by name, and that must therefore be there at once.
_LATER: dict[str, tuple[str, ...]] = {
    "dns": (),  # python-etcd: looking up the servers' names as SRV records
    "dns.resolver": (),
    "uuid": (),  # python-etcd: locks
    "importlib.metadata": ("version",),  # urllib3: switching HTTP/2 on
    "traceback": (),  # logging: printing an exception
    "calendar": (),  # email: dates
    "random": (),  # email: message ids; urllib3: pauses between retries
    "mimetypes": (),  # urllib3: uploading files
}
# python-etcd would let pyOpenSSL do the TLS where it is installed; Python's own ssl is loaded and verified anyway.
_NEVER = ("urllib3.contrib.pyopenssl",)


class _Later(ModuleType):
    """Stands for a module until something is asked of it."""

    def __init__(self, name: str, functions: tuple[str, ...]) -> None:
        super().__init__(name)
        for function in functions:
            setattr(self, function, self._calling(function))

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            if name.startswith("__"):  # of the import machinery: it asks every module
                raise AttributeError(name)
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)

    def _calling(self, function: str) -> Any:
        return lambda *arguments, **named: self.__getattr__(function)(*arguments, **named)


def _load() -> ModuleType:
    before = dict(sys.modules)
    stand_ins: dict[str, Any] = {name: _Later(name, functions) for name, functions in _LATER.items()}
    stand_ins.update(dict.fromkeys(_NEVER))
    stand_ins = {name: stand_in for name, stand_in in stand_ins.items() if name not in before}
    sys.modules.update(stand_ins)
    try:
        return importlib.import_module("etcd")
    except Exception:  # whatever it is that they do not get along with
        for name in set(sys.modules) - set(before):
            if name.partition(".")[0] in ("etcd", "urllib3"):
                del sys.modules[name]
    finally:
        for name, stand_in in stand_ins.items():
            if name in sys.modules and sys.modules[name] is stand_in:
                del sys.modules[name]
    return importlib.import_module("etcd")


etcd: Any = _load()
# After python-etcd, whose import these are a part of
import http.client as http_client  # noqa: E402

import urllib3  # noqa: E402

__all__ = ["etcd", "http_client", "urllib3"]
