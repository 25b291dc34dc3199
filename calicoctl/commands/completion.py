"""calicoctl completion: scripts that let shells complete command lines, and what these scripts ask."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

USAGE = """
Usage:
  calicoctl completion (bash|zsh|fish)
  calicoctl completion candidates -- <WORD>...

Description:
  Print a script that lets a shell complete the command lines of calicoctl and
  calicoq: commands, keywords and options, and the names of profiles, tags and
  endpoints that are in etcd.
  'candidates' is what the scripts ask: the words that can stand in the place
  of the last of the words given, which begin with the program's name.

Examples:
  $ source <(calicoctl completion bash)                # in ~/.bashrc
  $ source <(calicoctl completion zsh)                 # in ~/.zshrc, after compinit
  $ calicoctl completion fish > ~/.config/fish/conf.d/calicoctl.fish

"""


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out one ``completion`` command line, parsed by ``USAGE``, and return the exit status."""
    if arguments["candidates"]:
        from calicoctl.completion.candidates import candidates

        for word in candidates(arguments["<WORD>"], environment.variables):
            environment.say(word)
        return 0
    shell = next(shell for shell in ("bash", "zsh", "fish") if arguments[shell])
    environment.say(_script(shell))
    return 0


def _script(shell: str) -> str:
    from calicoctl import completion

    with open(os.path.join(completion.__path__[0], f"calicoctl.{shell}"), encoding="utf-8") as file:
        return file.read().rstrip("\n")
