"""From argv and the process to a command and back: dispatch, exit status, errors to messages."""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys

from calicoctl import grammar
from calicoctl.environment import SYSTEM_FILE, Environment
from calicoctl.errors import CommandError, status_of
from calicoctl.usage.table import COMMANDS, OVERVIEW, usage_of

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TextIO

    from calicoctl.usage.table import Command

    Dispatch = Callable[[Sequence[str], Environment], int]
    Program = Callable[[Sequence[str], Mapping[str, str], TextIO | None, TextIO, TextIO], int]


def run(
    argv: Sequence[str],
    variables: Mapping[str, str],
    stdin: TextIO | None,
    stdout: TextIO,
    stderr: TextIO,
    system_file: str = SYSTEM_FILE,
) -> int:
    """Run one command line of calicoctl and return its exit status: 0, 1, 2, or 128 and the signal that ended it.

    ``argv`` are the arguments after the program's name, ``variables`` the environment variables; ``system_file`` is
    the configuration file for all users. Every error ends here as a message on ``stderr``; a reader of ``stdout`` that
    has gone away ends the command quietly.
    """
    return run_program(_dispatch, argv, Environment(variables, stdin, stdout, stderr, system_file))


def run_program(dispatch: Dispatch, argv: Sequence[str], environment: Environment) -> int:
    """Run one command line of a program by its ``dispatch``, as ``run`` describes, and return the exit status."""
    try:
        status = _status_or_help(dispatch, argv, environment)
        environment.finish()
    except grammar.UsageError as usage:
        environment.fail(_explained(usage))
        return environment.failure_status
    except CommandError as error:
        environment.fail(error.message)
        return environment.failure_status if error.status == 1 else error.status
    except BrokenPipeError:
        return 0 if environment.failure_status == 1 else environment.failure_status
    except KeyboardInterrupt as interruption:
        environment.fail("Aborted command.")
        return status_of(interruption)
    except MemoryError as error:
        error.with_traceback(None)  # its frames hold what has filled the memory
        environment.fail("There is not enough memory for this.")
        return environment.failure_status
    except Exception as error:
        if isinstance(error.__cause__, KeyboardInterrupt):  # it came while a class was made, before Python 3.12
            environment.fail("Aborted command.")
            return status_of(error.__cause__)
        environment.fail(_bug_report(error, environment.variables))
        return environment.failure_status
    finally:
        environment.close()
    return status


def _status_or_help(dispatch: Dispatch, argv: Sequence[str], environment: Environment) -> int:
    try:
        return dispatch(argv, environment)
    except grammar.HelpRequested as text:
        environment.say(str(text))
        return 0


def without_global_options(
    program: str, argv: Sequence[str], environment: Environment, usage: str, commands: Mapping[str, Command]
) -> Sequence[str]:
    """Note the options before the command in the environment and return the arguments without them.

    ``usage`` and ``commands`` are those of the program. Raises UsageError for options that are not used as they are
    to be.
    """
    if not argv or not argv[0].startswith("-"):
        return argv
    from calicoctl.global_options import Leading

    leading = Leading(program, argv)
    environment.options = leading.values
    if leading.problem:
        command = next((commands[word] for word in leading.rest if word in commands), None)
        environment.failure_status = command.failure_status if command else 1
        raise grammar.UsageError(usage, argv, leading.problem)
    return leading.rest


def _dispatch(argv: Sequence[str], environment: Environment) -> int:
    argv = without_global_options("calicoctl", argv, environment, OVERVIEW, COMMANDS)
    if argv[:1] == ["--version"]:
        argv = ["version", *argv[1:]]
    name = grammar.parse(OVERVIEW, argv, options_first=True)["<command>"] if argv else None
    if name is None:
        raise grammar.HelpRequested(OVERVIEW.strip("\n"))
    if name not in COMMANDS:
        raise CommandError(_unknown_command(name))
    command = COMMANDS[name]
    environment.failure_status = command.failure_status
    arguments = grammar.parse(usage_of(command), argv)
    if environment.wants_rows():
        from calicoctl.listings import listing_of

        environment.listing = listing_of(command.name, arguments, environment.options)
        if environment.options.get("--output") == "schema":
            from calicoctl.rows import say_schema

            say_schema(environment.listing, environment)
            return 0
    status: int = importlib.import_module(f"calicoctl.commands.{command.module}").run(arguments, environment)
    return status


def _unknown_command(name: str) -> str:
    from calicoctl.suggestion import unknown_command

    return unknown_command("calicoctl", name, COMMANDS)


def _explained(error: grammar.UsageError) -> str:
    from calicoctl.usage_error import explained

    return explained(error)


def _bug_report(error: Exception, variables: Mapping[str, str]) -> str:
    if variables.get("CALICOCTL_DEBUG"):
        import traceback

        return traceback.format_exc().rstrip("\n")
    cause = " ".join(f"{type(error).__name__}: {error}".split())
    return f"Internal error: {cause}. This is a defect of calicoctl; CALICOCTL_DEBUG=1 shows where."


def console_main(program: Program = run) -> None:
    """Run as a process, ``calicoctl`` or with the ``run`` of another program that one, and exit."""
    gc.disable()  # a short life with large trees of data: looking for cycles costs up to a third of the time
    try:
        os._exit(_run_process(program))  # all is flushed: taking the interpreter apart would only cost time
    except KeyboardInterrupt as interruption:
        os._exit(status_of(interruption))


class _ClosedOutput(io.StringIO):
    """Stands for a standard output that was closed when the process began: that is an error if there is an answer."""

    def flush(self) -> None:
        if self.tell():
            import errno

            raise OSError(errno.EBADF, "it is closed")


def _run_process(program: Program) -> int:
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if stream is not None:  # None: it was closed when the process began
            os.set_blocking(stream.fileno(), True)  # others may have left it so that a part of a text is lost
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    stderr = sys.stderr or io.StringIO()
    status = program(sys.argv[1:], os.environ, sys.stdin, sys.stdout or _ClosedOutput(), stderr)
    try:
        stderr.flush()
    except OSError:
        pass  # nobody can be told
    return status
