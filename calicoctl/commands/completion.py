"""calicoctl completion: print the completion scripts of shells, and the candidates that the scripts ask for."""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out one ``completion`` command line, parsed, and return the exit status."""
    if arguments["candidates"]:
        from calicoctl.completion.candidates import candidates

        for word in candidates(arguments["<WORD>"], environment.variables, environment.system_file):
            environment.say(word)
        return 0
    shell = next(shell for shell in ("bash", "zsh", "fish") if arguments[shell])
    environment.say(_script(shell))
    return 0


def _script(shell: str) -> str:
    from calicoctl import completion
    from calicoctl.package_data import read_text

    return read_text(completion, f"calicoctl.{shell}").rstrip("\n")
