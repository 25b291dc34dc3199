"""The usage text of ``calicoctl completion``."""

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
  $ calicoctl completion fish > ~/.config/fish/completions/calicoctl.fish

"""
