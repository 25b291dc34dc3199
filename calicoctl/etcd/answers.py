"""What etcd answers, decoded and checked: whoever answers may not be etcd."""

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
_NO_NAMES = ("", ".", "..")  # etcd cleans them out of a key


class Refused(Exception):
    """etcd answered with an error of its own: it has done nothing."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Undecided(ReplyLost):
    """etcd answered that it cannot tell what became of the request.

    It does so with the code 300 to whatever keeps a write from being agreed upon in time, when the leader is lost or
    the member is stopped. The members may have agreed all the same, or do so later.
    """


class NotEtcd(Exception):
    """Something answered that is not etcd's v2 API, or will not let us in."""


def answer_of(
    response: Response, key: str, fields: Mapping[str, str] | str, actions: tuple[str, ...], has_password: bool = False
) -> dict[str, Any]:
    """Decode etcd's answer to a request about a key (quoted), which must be about one of the actions.

    ``fields`` is the form of a write, or the query; ``has_password`` tells whether one was sent. Raises Refused,
    NotEtcd, Unreachable, and for a write that may have been carried out ReplyLost.
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
    # A server that asks for credentials has done nothing; a gateway may have handed the request on.
    raise (NotEtcd if status == 401 else unclear)(_no_success(response, has_password))


def _server_error(answer: dict[str, Any], cause: str) -> Exception:
    """Return what an error in JSON with a status from 500 on means for a write.

    etcd sends this status with two codes only. Any other code is the word of its store on a request that was agreed
    upon: it has refused it.
    """
    code = answer.get("errorCode")
    if type(code) is not int or type(answer.get("index")) is not int:
        return ReplyLost(cause)  # not in the form of etcd's errors
    if code == _RAFT_INTERNAL:
        return Undecided(cause)
    return Unreachable(cause) if code == _DURING_LEADER_ELECTION else Refused(code, cause)


def _no_success(response: Response, has_password: bool) -> str:
    advice = f"; {_access(has_password)}" if response.status in (401, 403) else ""
    return f"it answered {response.status} {_quoted(response.reason)}{advice}"


def _access(has_password: bool) -> str:
    """Return what helps where a request was not permitted."""
    if has_password:
        return "are ETCD_USERNAME and ETCD_PASSWORD right, and do the roles granted allow this?"
    return "set ETCD_USERNAME and ETCD_PASSWORD to those of a user whose roles allow this"


def _unquoted(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote  # takes longer to load than all of this room

    return unquote(text)


def _fault(answer: dict[str, Any], key: str, fields: Mapping[str, str] | str, actions: tuple[str, ...]) -> str:
    """Return what is wrong with an answer to a request about a key (not quoted); nothing if it is etcd's."""
    if isinstance(fields, str) and answer == {"action": actions[0]}:
        return ""  # a write without echo
    node = answer.get("node")
    if not isinstance(node, dict):
        return "its answer has no node"
    if not is_node(node):
        return "its answer has a node that etcd would not send"
    # An event may be that of a directory above.
    if node["key"] != key and not (actions == EVENTS and _leads_to(node["key"], key)):
        return f"its answer is about another key, {visible(node['key'][:100])}"
    if answer.get("action") not in actions:
        return "its answer is about another action"
    # An old etcd echoes what was written.
    if isinstance(fields, str) and node.get("value") != _value_in(fields):
        return "its answer has another value than was written"
    return ""


def _value_in(form: str) -> str:
    return _unquoted(form.partition("&")[0].removeprefix("value=").replace("+", " "))


def _leads_to(place: object, key: str) -> bool:
    """Tell whether a place is a key or a directory above it (none quoted)."""
    return isinstance(place, str) and f"{key}/".startswith(f"{place.rstrip('/')}/")


def _quoted(text: object) -> str:
    """Return what a server says as a part of one line of a message, of a length that can be read."""
    return visible(str(text)[:1000])


def _first_line(response: Response) -> str:
    """Return what a server that is no etcd says in a plain text, such as that it speaks https only."""
    if not response.headers.get("content-type", "text/plain").startswith("text/plain"):
        return ""
    text = response.body.decode("utf-8", "replace").strip().partition("\n")[0]
    return f": {visible(text[:100])}" if text else ""


def is_node(node: object) -> bool:
    """Tell whether decoded JSON has the shape of etcd's nodes, each with its children directly below its key."""
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
    except (AttributeError, KeyError, TypeError):  # quicker than to ask each for its type
        return False
    return True


def version_of(response: Response) -> str | None:
    """Return the version in an answer to ``GET /version``; None if it is something else."""
    try:
        version = json.loads(response.body).get("etcdserver")
    except (ValueError, AttributeError, RecursionError):
        return None
    return version if isinstance(version, str) and response.status == 200 else None
