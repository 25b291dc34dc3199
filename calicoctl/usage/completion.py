"""The usage text of ``calicoctl completion``."""

USAGE = """
Usage:
  calicoctl completion (bash|zsh|fish)
  calicoctl completion candidates -- <WORD>...

Description:
  Print a script that lets a shell complete the command lines of calicoctl and
  calicoq: commands, keywords and options, and the names of profiles, tags and
  endpoints that are in etcd.
  The scripts call 'candidates'. It prints the words that can replace the last
  word of the given command line, which begins with the program's name.

Examples:
  $ source <(calicoctl completion bash)                # in ~/.bashrc
  $ source <(calicoctl completion zsh)                 # in ~/.zshrc, after compinit
  $ calicoctl completion fish > ~/.config/fish/conf.d/calicoctl.fish

"""
