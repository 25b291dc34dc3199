"""The commands of calicoctl, a module each: arguments in, answers and complaints out."""
