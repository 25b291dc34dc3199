"""etcd's v2 API through python-etcd, with the guards that a tool needs which must not lose a write.

python-etcd 0.4.5 on its own sends a write again when the reply was lost, waits four times the read timeout, follows
the addresses that the members advertise, and loads a DNS library for a feature that is not used here. This client
sends a request once to each of the endpoints that the operator named until one takes it. After a lost reply it asks
the key's own history what became of the write.
"""

from __future__ import annotations

import json
import re
from urllib.parse import unquote, unquote_plus

from calicoctl.datastore.errors import Conflict, DatastoreError
from calicoctl.datastore.libraries import etcd, http_client, urllib3
from calicoctl.datastore.replies import Unusable, body_of, is_node, number_of, pool_classes
from calicoctl.output import visible
from calicoctl.progress import Progress

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TextIO

    from calicoctl.datastore.settings import Settings

    RawNode = dict[str, Any]

_KEY_NOT_FOUND, _COMPARE_FAILED, _NOT_A_DIRECTORY, _ALREADY_EXISTS, _NOT_EMPTY, _HISTORY_CLEARED = (
    100, 101, 104, 105, 108, 401,
)  # fmt: skip
_WHERE_IN_OPENSSL = r"^\[[^]]*\] | \(_ssl\.c:[0-9]+\)$"
_ISSUER = re.compile("issuer|self.signed")
_ABOUT_CERTIFICATE = re.compile(r"\balert\b.*(certificate|unknown ca|access denied)")
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# Otherwise etcd answers with the value, and with the one before.
_NO_ECHO = {"noValueOnSuccess": "true"}
# What etcd says that it has done, and the method to ask for it
_METHODS = {
    "get": "GET", "set": "PUT", "create": "PUT", "compareAndSwap": "PUT", "delete": "DELETE",
    "compareAndDelete": "DELETE",
}  # fmt: skip
_REMOVALS = ("delete", "compareAndDelete", "expire")
_EVENTS = ("set", "create", "update", "compareAndSwap", *_REMOVALS)
_TRIES_OF_A_WRITE = 5
_MOST_REMOVALS = 5  # of a directory, while one key is made in it
_SECONDS_FOR_HISTORY = 2.0


class _Refused(Exception):
    """etcd answered with an error of its own."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class _Unreachable(Exception):
    """The endpoint has seen nothing of the request."""


class _ReplyLost(Exception):
    """The request may or may not have been carried out: no usable reply came from the endpoint at ``position``."""

    position = 0


class _HungUp(_ReplyLost):
    """The connection was closed before a byte of an answer.

    So does etcd to http where it speaks https and the reverse, and to a client without the certificate it wants.
    """


class _NotEtcd(Exception):
    """Something answered that is not etcd's v2 API, or will not let us in."""


class _OneTryClient(etcd.Client):  # type: ignore[misc]
    """python-etcd's client, but a request is sent once, is not redirected, and keeps to the timeouts."""

    def __init__(self, settings: Settings, received: Callable[[int], None]) -> None:
        import ssl

        if settings.ca_file or settings.certificate:
            from calicoctl.datastore.tls import check_files

            check_files(settings.ca_file, settings.certificate)
        super().__init__(cert=settings.certificate, ca_cert=settings.ca_file)
        self.http.connection_pool_kw["cert_reqs"] = ssl.CERT_REQUIRED  # also where the system's authorities decide
        self.http.pool_classes_by_scheme = pool_classes(received)

    def api_execute(self, url: str, method: str, params: Any, timeout: urllib3.Timeout) -> Any:
        """Send one request to an absolute URL and return urllib3's response, its body not read yet.

        ``params`` are the body of a PUT, a form, and a mapping for all other methods.
        """
        rest = {"timeout": timeout, "retries": False, "redirect": False, "preload_content": False}
        if method == self._MPUT:
            return self.http.urlopen(method, url, body=params, headers=_FORM, **rest)
        return self.http.request_encode_url(method, url, fields=params, **rest)


class Client:
    """The few operations on etcd that the datastore modules are made of.

    Keys are quoted paths (see ``datastore.keys``). Nodes are etcd's own JSON objects: ``key`` (not quoted),
    ``value`` or ``dir`` and ``nodes``, ``modifiedIndex``, ``createdIndex``. Every operation raises DatastoreError
    where etcd cannot be used.

    ``index`` is etcd's index as of the latest answer. ``remarks`` collects what the operator should know about how
    a write ended, or about what was passed over.
    """

    def __init__(self, settings: Settings, terminal: TextIO | None = None) -> None:
        """``terminal`` is where to show that a long read goes on."""
        self._settings = settings
        self._progress = Progress(terminal)
        self._etcd = _OneTryClient(settings, self._progress.count)
        self._current = 0
        self.index = 0
        self.remarks: list[str] = []

    def remark(self, text: str) -> None:
        """Note something for the operator, once."""
        if text not in self.remarks:
            self.remarks.append(text)

    # Reading

    def get(self, key: str, recursive: bool = False, quorum: bool = False) -> RawNode | None:
        """Return a key's node, with its children if it is a directory, or None if there is none.

        ``recursive`` reads the whole tree below. ``quorum`` asks for the cluster's latest state instead of that of
        the one member that answers.
        """
        query = {name: "true" for name, wanted in (("recursive", recursive), ("quorum", quorum)) if wanted}
        try:
            node: RawNode = self._read(key, query)["node"]
        except _Refused as refusal:
            if refusal.code == _KEY_NOT_FOUND:
                return None
            raise self._error(str(refusal)) from None
        return node

    # Writing

    def create(self, key: str, value: str) -> int:
        """Write a key that must not exist; return the index at which it is so made. Raises Conflict if it does."""
        return self._write("create", key, value, {"prevExist": "false"}, self.index)

    def swap(self, key: str, value: str, index: int) -> int:
        """Replace the value of a key last modified at ``index``; return the index at which it is so modified.

        Raises Conflict if it was changed or removed since.
        """
        return self._write("compareAndSwap", key, value, {"prevIndex": str(index)}, max(index, self.index))

    def put(self, key: str, value: str) -> RawNode | None:
        """Write a key, whatever it was; after a lost reply again. For values that every writer would write.

        Returns the node that was written; None where the answer does not tell.
        """
        from calicoctl.datastore.form import form_of  # only writes need it

        lost: _ReplyLost | None = None
        for _ in range(_TRIES_OF_A_WRITE):
            try:
                return self._send("set", key, form_of({"value": value}), lost).get("node")
            except _Refused as refusal:
                raise self._error(str(refusal)) from None
            except _ReplyLost as failure:
                lost = failure
        raise self._error(f"every reply was lost: {lost}", "It is not known whether the change was made.")

    def delete(self, key: str, index: int) -> None:
        """Remove a key last modified at ``index``, or gone already. Raises Conflict if it was changed since."""
        lost: _ReplyLost | None = None
        for _ in range(_TRIES_OF_A_WRITE):
            try:
                self._send("compareAndDelete", key, {"prevIndex": str(index)}, lost)
                return
            except _Refused as refusal:
                if refusal.code == _KEY_NOT_FOUND:
                    return
                if refusal.code == _COMPARE_FAILED:
                    raise Conflict from None
                raise self._error(str(refusal)) from None
            except _ReplyLost as failure:
                lost = failure
                now = self._state_after(lost, key)
                if now is None or created_index(now) > index:  # another one, made since
                    return
                if now["modifiedIndex"] != index:
                    raise Conflict from None
        raise self._error(f"every reply was lost: {lost}", "The key is still there.")

    def prune(self, directory: str) -> None:
        """Remove a directory if nothing is in it; any other outcome is fine too."""
        try:
            self._send("delete", directory, {"dir": "true"}, None)
        except _Refused as refusal:
            if refusal.code not in (_KEY_NOT_FOUND, _NOT_A_DIRECTORY, _NOT_EMPTY):
                raise self._error(str(refusal)) from None
        except _ReplyLost:
            pass  # an empty directory means nothing

    def delete_tree(self, key: str, node: RawNode) -> bool:
        """Remove a directory, read before as ``node``, and all below it; False if it was gone already."""
        since = max(created_index(node), self.index)
        lost: _ReplyLost | None = None
        for _ in range(_TRIES_OF_A_WRITE):
            try:
                self._send("delete", key, {"recursive": "true", "dir": "true"}, lost)
                return True
            except _Refused as refusal:
                if refusal.code == _KEY_NOT_FOUND:
                    return lost is not None  # an earlier try came through after all
                raise self._error(str(refusal)) from None
            except _ReplyLost as failure:
                lost = failure
                now = self._state_after(lost, key)
                if now is None or created_index(now) > since:  # another one, made since
                    return True
        raise self._error(f"every reply was lost: {lost}", "The directory is still there.")

    def _write(self, action: str, key: str, value: str, condition: dict[str, str], since: int) -> int:
        from calicoctl.datastore.form import excess, form_of

        form = form_of({"value": value, **condition, **_NO_ECHO})
        if too_much := excess(len(form)):
            raise DatastoreError(f"Too large for etcd: {too_much}. Nothing was written.")
        lost: _ReplyLost | None = None
        for _ in range(_TRIES_OF_A_WRITE):
            try:
                self._send(action, key, form, lost)
                return self._index_of_own(key, value, since)
            except _Refused as refusal:
                if refusal.code not in (_COMPARE_FAILED, _ALREADY_EXISTS, _KEY_NOT_FOUND):
                    raise self._error(str(refusal)) from None
                # What is in the way may be an earlier try of this very write, which came through late.
                if lost is not None and (index := self._applied_at(lost, action, key, value, since)):
                    return index
                raise Conflict from None
            except _ReplyLost as failure:
                # The condition still guards a second try: it cannot be applied on top of the first one.
                lost = failure
                if index := self._applied_at(lost, action, key, value, since):
                    return index
        raise self._error(f"every reply was lost: {lost}", "Nothing was changed as far as etcd can tell.")

    def _index_of_own(self, key: str, value: str, since: int) -> int:
        """Return the index of the write that was just answered; ``since`` if it cannot be told."""
        if self.index > since:
            return self.index  # etcd answers a write with the index as of that very write
        node = self.get(key, quorum=True)  # something on the way takes etcd's headers off
        return node["modifiedIndex"] if node is not None and node.get("value") == value else since

    def _applied_at(self, lost: _ReplyLost, action: str, key: str, value: str, since: int) -> int:
        """Find out from the key's history what became of a conditional write whose reply was lost.

        ``since`` is etcd's index before the write was sent first. Returns the index at which it was applied, or 0: not
        applied so far. Raises Conflict if another change came first, DatastoreError if nobody can tell.
        """
        now = self._state_after(lost, key)
        if now is not None and now["modifiedIndex"] <= since:
            return 0
        has_changed = now is not None or action != "create"
        try:
            event = self._first_event(key, since + 1, has_changed)
            # The key was not there yet: so what was removed is the directory, before the key was made.
            for _ in range(_MOST_REMOVALS if action == "create" and now is not None else 0):
                if event is None or event["action"] not in _REMOVALS:
                    break
                event = self._first_event(key, event["node"]["modifiedIndex"] + 1, has_changed)
        except _Refused:  # etcd keeps its latest 1,000 events
            return self._judged_by_state(lost, now, value, "does not reach back to the write")
        if event is None:
            return self._judged_by_state(lost, now, value, "cannot be read") if has_changed else 0
        if event["node"].get("value") == value and event["action"] == action:
            return int(event["node"]["modifiedIndex"])
        raise Conflict

    def _judged_by_state(self, lost: _ReplyLost, now: RawNode | None, value: str, fault: str) -> int:
        """Do as ``_applied_at`` where the history has a ``fault``: the key, which has changed, may be as wanted."""
        if now is None or now.get("value") != value:
            raise self._unknown_outcome(lost)
        self.remark(f"The reply of etcd was lost and its history {fault}, but the key holds what was to be written.")
        return int(now["modifiedIndex"])

    def _state_after(self, lost: _ReplyLost, key: str) -> RawNode | None:
        try:
            return self.get(key, quorum=True)
        except DatastoreError:
            raise self._unknown_outcome(lost) from None

    def _first_event(self, key: str, index: int, has_changed: bool) -> dict[str, Any] | None:
        """Return the first change of a key at or after an index; None if there was none, or etcd does not tell.

        ``has_changed``: there must have been one, so that etcd is given all the time that an answer may take.
        """
        query = {"wait": "true", "waitIndex": str(index)}
        seconds = self._settings.read_timeout if has_changed else min(_SECONDS_FOR_HISTORY, self._settings.read_timeout)
        try:
            return self._exchange(self._current, "GET", key, query, _EVENTS, seconds)
        except (_Unreachable, _ReplyLost, _NotEtcd):  # etcd would wait for the first change to come
            return None

    # Endpoints

    def _read(self, key: str, query: Mapping[str, str]) -> dict[str, Any]:
        """GET from the first endpoint that answers. Raises _Refused, DatastoreError."""
        failures = []
        for position in self._order():
            try:
                with self._progress:
                    return self._exchange(position, "GET", key, query, ("get",))
            except (_Unreachable, _ReplyLost, _NotEtcd) as failure:
                failures.append((position, failure))
        raise self._no_endpoint(failures)

    def _send(self, action: str, key: str, fields: Mapping[str, str] | str, lost: _ReplyLost | None) -> dict[str, Any]:
        """Hand a write to the first endpoint that can be reached.

        ``action`` is what etcd calls it; ``lost`` is what became of the try before this one. Raises _Refused,
        _ReplyLost, DatastoreError.
        """
        failures: list[tuple[int, Exception]] = []
        for position in self._order():
            try:
                with self._progress:
                    return self._exchange(position, _METHODS[action], key, fields, (action,))
            except (_Unreachable, _NotEtcd) as failure:
                failures.append((position, failure))
            except _ReplyLost as failure:
                failure.position = position
                self._current = (position + 1) % len(self._settings.endpoints)  # another one may be in better order
                raise
        raise self._no_endpoint(failures) if lost is None else self._unknown_outcome(lost)

    def _order(self) -> list[int]:
        """Return the positions of the endpoints to try: first the one that answered last."""
        count = len(self._settings.endpoints)
        return [(self._current + step) % count for step in range(count)]

    def _exchange(
        self,
        position: int,
        method: str,
        key: str,
        fields: Mapping[str, str] | str,
        actions: tuple[str, ...],
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """Send one request and return its answer, which must be about one of the actions, and this key.

        Raises _Refused, _Unreachable, _ReplyLost, _NotEtcd.
        """
        url = f"{self._settings.endpoints[position]}/v2/keys{key}"
        connect, read = self._settings.connect_timeout, seconds or self._settings.read_timeout
        try:
            response = self._etcd.api_execute(url, method, fields, urllib3.Timeout(connect=connect, read=read))
            body = body_of(response)
        except urllib3.exceptions.NewConnectionError as error:
            raise _Unreachable(_system_cause(error)) from None
        except urllib3.exceptions.ConnectTimeoutError:
            raise _Unreachable(f"no connection within {connect:g} s") from None
        except urllib3.exceptions.ReadTimeoutError as error:
            if "handshake" in f"{error.__cause__}{error.__context__}":
                raise _Unreachable(f"no answer to TLS within {connect:g} s; does it speak https?") from None
            raise _ReplyLost(f"no answer within {read:g} s") from None
        except urllib3.exceptions.SSLError as error:
            cause = f"TLS: {_tls_cause(error, self._settings.certificate)}"
            raise (_NotEtcd if method == "GET" else _ReplyLost)(cause) from None
        except Unusable as error:
            raise (_NotEtcd if method == "GET" else _ReplyLost)(str(error)) from None
        except (urllib3.exceptions.HTTPError, http_client.HTTPException, OSError) as error:
            raise _broken(error, method, key) from None
        index = number_of(response.headers.get("X-Etcd-Index", ""))
        if index is not None:
            self.index = index
        try:
            answer = _answer_of(response, body, key, fields, actions)
        except _Refused:
            self._current = position
            raise
        self._current = position
        return answer

    # Errors

    def _error(self, cause: str, advice: str = "", position: int | None = None) -> DatastoreError:
        where = self._settings.endpoints[self._current if position is None else position]
        return DatastoreError(f"Error accessing etcd at {where} ({cause}).{'  ' + advice if advice else ''}")

    def _no_endpoint(self, failures: list[tuple[int, Any]]) -> DatastoreError:
        causes = [f"{self._settings.endpoints[position]} ({failure})" for position, failure in failures]
        not_etcd = any(isinstance(failure, _NotEtcd) for _, failure in failures)
        hung_up = any(isinstance(failure, _HungUp) for _, failure in failures)
        takes = "http, not https"
        if self._settings.endpoints[0].startswith("https:"):
            takes = _https_as_asked(self._settings.certificate)
        advice = f"  Is etcd running{f', and does it take {takes}' if hung_up else ''}?"
        return DatastoreError(f"Error accessing etcd at {', '.join(causes)}.{'' if not_etcd else advice}")

    def _unknown_outcome(self, lost: _ReplyLost) -> DatastoreError:
        return self._error(
            str(lost),
            "It is not known whether the change was made: look before you run the command again.",
            lost.position,
        )


def created_index(node: RawNode) -> int:
    """Return the index at which a node was made; 0 if it does not tell."""
    index = node.get("createdIndex")
    return index if isinstance(index, int) else 0


def _answer_of(
    response: Any, body: bytes, key: str, fields: Mapping[str, str] | str, actions: tuple[str, ...]
) -> dict[str, Any]:
    """Decode an answer of etcd. Raises _Refused, _ReplyLost (for a write: it may have been applied), _NotEtcd."""
    writing = len(actions) == 1 and actions != ("get",)
    unclear = _ReplyLost if writing else _NotEtcd
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    status = response.status
    if not isinstance(answer, dict):
        if status == 404:
            raise unclear("it has no v2 API; start etcd with --enable-v2")
        if 300 <= status < 500:
            raise unclear(f"it answered {status} {_quoted(response.reason)}{_first_line(response, body)}")
        raise unclear(f"its answer of status {status} is not the JSON that etcd sends")
    asked = unquote(key)
    if status in (200, 201):
        fault = _fault(answer, asked, fields, actions)
        if fault:
            raise unclear(fault)
        return answer
    cause = f"{_quoted(answer.get('message'))} : {_quoted(answer.get('cause'))}"
    if status >= 500:
        raise (_ReplyLost if writing else _Unreachable)(cause)
    if isinstance(answer.get("errorCode"), int):
        if answer["errorCode"] == _KEY_NOT_FOUND and not _leads_to(answer.get("cause"), asked):
            raise unclear(f"its answer is about another key: {cause}")
        raise _Refused(answer["errorCode"], cause)
    # Who asks for credentials has done nothing; what else stands between may have handed the request on.
    raise (_NotEtcd if status == 401 else unclear)(f"it answered {status} {_quoted(response.reason)}")


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
    if node["key"] != key and not (actions == _EVENTS and _leads_to(node["key"], key)):
        return f"its answer is about another key, {visible(node['key'][:100])}"
    if answer.get("action") not in actions:
        return "its answer is about another action"
    # An old etcd echoes what was written.
    if isinstance(fields, str) and node.get("value") != unquote_plus(fields.partition("&")[0].removeprefix("value=")):
        return "its answer has another value than was written"
    return ""


def _leads_to(place: object, key: str) -> bool:
    """Tell whether a place is a key or a directory above it (none quoted)."""
    return isinstance(place, str) and f"{key}/".startswith(f"{place.rstrip('/')}/")


def _quoted(text: object) -> str:
    """Return what a server says as a part of one line of a message, of a length that can be read."""
    return visible(str(text)[:1000])


def _first_line(response: Any, body: bytes) -> str:
    """Return what a server that is no etcd says in a plain text, such as that it speaks https only."""
    if not response.headers.get("Content-Type", "text/plain").startswith("text/plain"):
        return ""
    text = body.decode("utf-8", "replace").strip().partition("\n")[0]
    return f": {visible(text[:100])}" if text else ""


def _https_as_asked(certificate: tuple[str, str] | None) -> str:
    return "https, and the certificate of ETCD_CERT_FILE" if certificate else "https, and that without ETCD_CERT_FILE"


def _broken(error: Exception, method: str, key: str) -> _ReplyLost | _NotEtcd:
    """Return what it means for a request about a key (quoted) that the connection broke."""
    cause = _system_cause(error)
    if not isinstance(error.args[-1], (http_client.RemoteDisconnected, ConnectionResetError)):
        return _ReplyLost(cause)
    from calicoctl.datastore.keys import LONGEST

    if len(key) <= LONGEST:
        return _HungUp(cause)
    most = f"the key has {len(key):,} bytes, and etcd may take no more than {LONGEST:,}"
    return (_NotEtcd if method == "GET" else _ReplyLost)(f"{cause}; a name is too long: {most}")


def _tls_cause(error: BaseException, certificate: tuple[str, str] | None) -> str:
    """Return why there is no TLS with a server, in OpenSSL's words, and what may help.

    ``certificate`` is the client's, if there is one.
    """
    cause = _system_cause(error)
    if isinstance(error.args[0], ValueError):  # both ssl's own and that of urllib3 1.26 are one
        own_authority = "; is ETCD_CA_CERT_FILE that of its authority?"
        return f"the server's certificate is refused: {cause}{own_authority if _ISSUER.search(cause) else ''}"
    if _ABOUT_CERTIFICATE.search(cause):
        advice = (
            "is the certificate of ETCD_CERT_FILE expired, or of an authority that the server does not know?"
            if certificate
            else "it wants a client's certificate: set ETCD_CERT_FILE and ETCD_KEY_FILE"
        )
        return f"the server says {cause}; {advice}"
    if cause.startswith("EOF"):
        return f"{cause}; does it take {_https_as_asked(certificate)}?"
    return f"{cause}; does it speak https?"


def _system_cause(error: BaseException) -> str:
    """Return the innermost reason of a failed connection, in the operating system's or a library's words."""
    reason: BaseException | None = error
    innermost = error
    while reason is not None:
        text = getattr(reason, "verify_message", None) or getattr(reason, "strerror", None)
        if text:
            return re.sub(_WHERE_IN_OPENSSL, "", str(text))
        innermost = reason
        inner = getattr(reason, "reason", None)
        nested = reason.args[-1] if reason.args and isinstance(reason.args[-1], BaseException) else None
        # urllib3 1.26 gives no cause, and http.client's errors have one of its other attempts as their context.
        outer = reason.__cause__ or (reason.__context__ if isinstance(reason, urllib3.exceptions.HTTPError) else None)
        reason = inner if isinstance(inner, BaseException) else nested or outer
    if isinstance(innermost, http_client.BadStatusLine) and not isinstance(innermost, http_client.RemoteDisconnected):
        return "it does not speak HTTP"
    return str(innermost) or type(innermost).__name__
