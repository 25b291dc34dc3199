"""What is wrong with the values of the options of ``calicoctl node``."""

from __future__ import annotations

import re

from calicoctl.commands.messages import provided
from calicoctl.errors import CommandError
from calicoctl.model.address import Address
from calicoctl.model.bgp import AS_NUMBERS, address_problem, as_number

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.grammar import Arguments

_BACKENDS = ("bird", "gobgp", "none")
_RUNTIMES = ("docker", "rkt", "none")
_LONGEST_TIMEOUT = 3600
_IMAGE = re.compile(r"(?!.*(//|\.\.))[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}")  # Docker knows the rest of its rules


def check(arguments: Arguments) -> None:
    """Raise CommandError with all that is wrong with the values of the options."""
    for word in _BACKENDS:
        if arguments[word]:  # the usage text allows the word without its option
            raise CommandError(f"'{word}' is not an argument of 'calicoctl node'. Did you mean --backend={word}?")
    problems = [
        problem
        for option, check in (
            ("--ip", _problem_of_ipv4),
            ("--ip6", _problem_of_ipv6),
            ("--as", _problem_of_as),
            ("--detach", _problem_of_detach),
            ("--runtime", _problem_of_runtime),
            ("--backend", _problem_of_backend),
            ("--start-timeout", _problem_of_timeout),
            ("--node-image", _problem_of_image),
        )
        for value in [arguments[option]]
        if value is not None
        for problem in [check(value)]
        if problem
    ]
    if arguments["--libnetwork"] and arguments["--detach"] == "false":
        problems.append("The only valid value for --detach is 'true' when using libnetwork")
    if problems:
        raise CommandError("\n".join(problems))
    if arguments["--runtime"] == "rkt":
        raise CommandError("--runtime=rkt is not supported, as rkt is no longer developed: use --runtime=docker.")


def _problem_of_ipv4(value: str) -> str:
    return _problem_of_address(value, 4, "Invalid IPv4 address specified with --ip argument.")


def _problem_of_ipv6(value: str) -> str:
    return _problem_of_address(value, 6, "Invalid IPv6 address specified with --ip6 argument.")


def _problem_of_address(value: str, version: int, sentence: str) -> str:
    if not value:  # as if it were not given, which scripts rely on
        return ""
    try:
        address = Address.parse(value)
    except ValueError:
        return f"{sentence}\n{provided([value])}"
    if address.version != version:
        return f"{sentence}\n{provided([value])}; it is an IPv{address.version} address"
    problem = address_problem(address)  # each other node's BIRD is told to connect to it
    return f"{sentence}\n{provided([value])}; {problem}" if problem else ""


def _problem_of_as(value: str) -> str:
    try:
        if value:
            as_number(value)
    except ValueError:
        return f"Invalid AS Number specified.\n{provided([value])}; expecting {AS_NUMBERS}"
    return ""


def _problem_of_detach(value: str) -> str:
    sentence = "Valid values for --detach are 'true' and 'false'"
    return "" if value in ("true", "false") else f"{sentence}\n{provided([value])}"


def _problem_of_runtime(value: str) -> str:
    return "" if value in _RUNTIMES else f"Runtime must be 'docker', 'rkt' or 'none'.\n{provided([value])}"


def _problem_of_backend(value: str) -> str:
    sentence = "Valid values for --backend are 'bird', 'gobgp' and 'none'"
    return "" if value in _BACKENDS else f"{sentence}\n{provided([value])}"


def _problem_of_timeout(value: str) -> str:
    if re.fullmatch(r"[0-9]{1,4}", value, re.ASCII) and 1 <= int(value) <= _LONGEST_TIMEOUT:
        return ""
    return f"Invalid start-timeout specified.\n{provided([value])}; expecting seconds, from 1 to {_LONGEST_TIMEOUT}"


def _problem_of_image(value: str) -> str:
    return "" if _IMAGE.fullmatch(value) else f"Invalid Docker image name specified.\n{provided([value])}"
