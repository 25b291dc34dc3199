"""The usage texts, apart from the commands: help, a usage error and completion need nothing else."""
