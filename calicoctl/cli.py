"""Run one command line: find the command, run it, turn errors into messages, and return the exit status."""

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
    """Run one command line of calicoctl and return its exit status: 0, 1, 2, or 128 plus the number of a signal.

    ``argv`` holds the arguments after the program's name and ``variables`` the environment variables;
    ``system_file`` is the path of the system-wide configuration file. Every error is caught here and printed as a
    message on ``stderr``. If the reader of ``stdout`` has gone, the command ends without a message.
    """
    return run_program(_dispatch, argv, Environment(variables, stdin, stdout, stderr, system_file))


def run_program(dispatch: Dispatch, argv: Sequence[str], environment: Environment) -> int:
    """Run one command line of the program that ``dispatch`` belongs to; see ``run``. Returns the exit status."""
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
        error.with_traceback(None)  # the stack frames still refer to the data that fills the memory
        environment.fail("There is not enough memory for this.")
        return environment.failure_status
    except Exception as error:
        # Before Python 3.12, an exception raised while a class is created is wrapped in a RuntimeError.
        if isinstance(error.__cause__, KeyboardInterrupt):
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
    """Store the options before the command in the environment, and return the remaining arguments.

    ``usage`` is the usage text of the program and ``commands`` its table of commands. Raises UsageError if an option
    is used wrongly.
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
    if list(argv) == ["--version"]:
        from calicoctl.commands.version import run_in_full

        return run_in_full(environment)
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
        from calicoctl.rows import say_rows, say_schema

        listing = listing_of(command.name, arguments, environment.options)
        if environment.options.get("--output") == "schema":
            say_schema(listing, environment)
            return 0
        environment.rows_printer = lambda rows: say_rows(rows, listing, environment)
    module = importlib.import_module(f"calicoctl.commands.{command.module}")
    status: int
    asked = [option for option in ("--dry-run", "--flows") if option in environment.options]
    own = _parsed_with(asked, usage_of(command), argv) if asked else arguments
    if own is not None:
        status = module.run(own, environment)
    else:
        from calicoctl.commands import trial

        status = trial.run(name, module.run, arguments, environment)
    return status


def _parsed_with(options: Sequence[str], usage: str, argv: Sequence[str]) -> grammar.Arguments | None:
    """Return the arguments as if these options stood at their end; None if the command does not take them there."""
    try:
        return grammar.parse(usage, [*argv, *options])
    except grammar.UsageError:
        return None


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
    return f"Internal error: {cause}. This is a bug in calicoctl; set CALICOCTL_DEBUG=1 to see where."


def console_main(program: Program = run) -> None:
    """Run a program with the arguments and streams of this process, and exit. ``program`` is its function ``run``."""
    gc.disable()  # the process is short-lived, and garbage collection takes up to a third of the time on large data
    try:
        os._exit(_run_process(program))  # all output is flushed, so skip the slow shutdown of the interpreter
    except KeyboardInterrupt as interruption:
        os._exit(status_of(interruption))


class _ClosedOutput(io.StringIO):
    """Replaces a standard output that was already closed at start-up. Flushing it fails if something was written."""

    def flush(self) -> None:
        if self.tell():
            import errno

            raise OSError(errno.EBADF, "it is closed")


def _run_process(program: Program) -> int:
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if stream is not None:  # None: the stream was already closed at start-up
            os.set_blocking(stream.fileno(), True)  # other processes may have made it non-blocking, which loses text
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    stderr = sys.stderr or io.StringIO()
    status = program(sys.argv[1:], os.environ, sys.stdin, sys.stdout or _ClosedOutput(), stderr)
    try:
        stderr.flush()
    except OSError:
        pass  # there is no other stream to report it on
    return status
