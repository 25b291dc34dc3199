"""Parsing and checking of etcd's responses, which may come from another program than etcd."""

from __future__ import annotations

import json

from calicoctl.etcd.wire import ReplyLost, Unreachable
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from calicoctl.etcd.wire import Response

KEY_NOT_FOUND, COMPARE_FAILED, NOT_A_DIRECTORY, ALREADY_EXISTS, NOT_EMPTY = 100, 101, 104, 105, 108
_UNAUTHORIZED, _RAFT_INTERNAL, _DURING_LEADER_ELECTION = 110, 300, 301
REMOVALS = ("delete", "compareAndDelete", "expire")
EVENTS = ("set", "create", "update", "compareAndSwap", *REMOVALS)
_NO_NAMES = ("", ".", "..")  # never the last segment of a key, because etcd normalises paths


class Refused(Exception):
    """etcd refused the request with one of its own errors; it changed nothing."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Undecided(ReplyLost):
    """etcd answered a write with code 300: it does not know whether the write will be applied.

    This happens if the members do not agree on the write in time, for example because the leader is lost or the member
    is shutting down. The write may still have been applied, or may be applied later.
    """


class NotEtcd(Exception):
    """The server is not etcd with its v2 API, or it requires other credentials."""


def answer_of(
    response: Response, key: str, fields: Mapping[str, str] | str, actions: tuple[str, ...], has_password: bool = False
) -> dict[str, Any]:
    """Parse etcd's response to a request for a key (quoted); its action must be one of ``actions``.

    ``fields`` is the form of a write, or the query; ``has_password`` tells whether a password was sent. Raises Refused,
    NotEtcd, Unreachable, and ReplyLost for a write that may have been applied.
    """
    writing = len(actions) == 1 and actions != ("get",)
    unclear = ReplyLost if writing else NotEtcd
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError):
        answer = None
    status = response.status
    if not isinstance(answer, dict):
        if status == 404:
            raise unclear("it has no v2 API; start etcd with --enable-v2")
        if 300 <= status < 500:
            raise unclear(f"{_no_success(response, has_password)}{_first_line(response)}")
        raise unclear(f"its answer of status {status} is not the JSON that etcd sends")
    asked = _unquoted(key)
    if status in (200, 201):
        fault = _fault(answer, asked, fields, actions)
        if fault:
            raise unclear(fault)
        return answer
    cause = f"{_quoted(answer.get('message'))} : {_quoted(answer.get('cause'))}"
    if status >= 500:
        raise _server_error(answer, cause) if writing else Unreachable(cause)
    if isinstance(answer.get("errorCode"), int):
        if answer["errorCode"] == KEY_NOT_FOUND and not _leads_to(answer.get("cause"), asked):
            raise unclear(f"its answer is about another key: {cause}")
        if answer["errorCode"] == _UNAUTHORIZED:
            cause += f"; {_access(has_password)}"
        raise Refused(answer["errorCode"], cause)
    # With status 401 nothing was done; with any other status, a gateway may have forwarded the request.
    raise (NotEtcd if status == 401 else unclear)(_no_success(response, has_password))


def _server_error(answer: dict[str, Any], cause: str) -> Exception:
    """Classify a JSON error with a status of 500 or more in response to a write.

    Code 300 leaves the outcome open, and code 301 means that the write was not attempted. Any other code comes from
    etcd's store after the members agreed on the write: the store has refused it.
    """
    code = answer.get("errorCode")
    if type(code) is not int or type(answer.get("index")) is not int:
        return ReplyLost(cause)  # not an error from etcd
    if code == _RAFT_INTERNAL:
        return Undecided(cause)
    return Unreachable(cause) if code == _DURING_LEADER_ELECTION else Refused(code, cause)


def _no_success(response: Response, has_password: bool) -> str:
    advice = f"; {_access(has_password)}" if response.status in (401, 403) else ""
    return f"it answered {response.status} {_quoted(response.reason)}{advice}"


def _access(has_password: bool) -> str:
    """Return the advice for a request that was not permitted."""
    if has_password:
        return "are ETCD_USERNAME and ETCD_PASSWORD right, and do the roles granted allow this?"
    return "set ETCD_USERNAME and ETCD_PASSWORD to those of a user whose roles allow this"


def _unquoted(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote  # its import takes longer than that of this whole package

    return unquote(text)


def _fault(answer: dict[str, Any], key: str, fields: Mapping[str, str] | str, actions: tuple[str, ...]) -> str:
    """Describe what is wrong with a response to a request for a key (not quoted); empty if it is valid."""
    if isinstance(fields, str) and answer == {"action": actions[0]}:
        return ""  # the response to a write with noValueOnSuccess
    node = answer.get("node")
    if not isinstance(node, dict):
        return "its answer has no node"
    if not is_node(node):
        return "its answer has an invalid node"
    # An event may be about a parent directory.
    if node["key"] != key and not (actions == EVENTS and _leads_to(node["key"], key)):
        return f"its answer is about another key, {visible(node['key'][:100])}"
    if answer.get("action") not in actions:
        return "its answer is about another action"
    # Old versions of etcd ignore noValueOnSuccess and return the value.
    if isinstance(fields, str) and node.get("value") != _value_in(fields):
        return "its answer has a different value from the one written"
    return ""


def _value_in(form: str) -> str:
    return _unquoted(form.partition("&")[0].removeprefix("value=").replace("+", " "))


def _leads_to(place: object, key: str) -> bool:
    """Tell whether a place is the key itself or one of its parent directories (both not quoted)."""
    return isinstance(place, str) and f"{key}/".startswith(f"{place.rstrip('/')}/")


def _quoted(text: object) -> str:
    """Shorten a text from a server and make it printable, for use in a message."""
    return visible(str(text)[:1000])


def _first_line(response: Response) -> str:
    """Return the first line of a plain text response, for example that the server only accepts https."""
    if not response.headers.get("content-type", "text/plain").startswith("text/plain"):
        return ""
    text = response.body.decode("utf-8", "replace").strip().partition("\n")[0]
    return f": {visible(text[:100])}" if text else ""


def is_node(node: object) -> bool:
    """Tell whether parsed JSON has the structure of etcd's nodes, with each child directly below its parent's key."""
    if type(node) is not dict or type(node.get("key")) is not str:
        return False
    found = [node]
    try:
        for each in found:
            if type(each["modifiedIndex"]) is not int:
                return False
            if "nodes" in each:
                if type(each["nodes"]) is not list:
                    return False
                directory = each["key"] + "/"
                length = len(directory)
                for child in each["nodes"]:
                    key = child["key"]
                    if not key.startswith(directory) or key.find("/", length) >= 0 or key[length:] in _NO_NAMES:
                        return False
                found += each["nodes"]
            elif type(each.get("value", "")) is not str:
                return False
    except (AttributeError, KeyError, TypeError):  # faster than to check the type of each child
        return False
    return True
