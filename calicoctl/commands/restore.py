"""calicoctl restore: write a saved datastore back to etcd."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.datastore.restore import DELETED, Restoration
from calicoctl.errors import CommandError, status_of
from calicoctl.output import visible
from calicoctl.resources.files import saved_datastore

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

_SHOWN = 10  # of the keys in a message
_INCOMPLETE = (
    f"The restoration is not complete: repeat the command. Until then {keys.READY} may be false, and Felix applies no "
    "changes."
)


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``calicoctl restore`` and return the exit status. Raises CommandError."""
    saved = saved_datastore(arguments["<FILE>"], environment, for_etcd=True)
    restoration = Restoration(saved, environment.client(), arguments["--delete"])
    if restoration.obstacles:
        raise CommandError("\n".join(["Cannot restore:", *_first(restoration.obstacles), "Nothing was written."]))
    for warning in _warnings(restoration):
        environment.complain(f"Warning: {warning}")
    overtaken = [] if arguments["--dry-run"] else _carry_out(restoration, environment)
    done = [step for step in restoration.steps if step.key not in overtaken]
    for step in done:
        environment.say(f"{step.sign} {visible(step.key)}", painter="change")
    environment.say(_summary(restoration, len(done), arguments["--dry-run"]))
    if overtaken:
        changed = "\n".join(_first(overtaken))
        raise CommandError(f"Others have changed these keys at the same time, so they were left alone:\n{changed}")
    return 0


def _carry_out(restoration: Restoration, environment: Environment) -> list[str]:
    steps = environment.steps("Keys restored")
    try:
        return restoration.carry_out(steps.show)
    except KeyboardInterrupt as interruption:
        raise CommandError(f"Aborted command.  {_INCOMPLETE}", status_of(interruption)) from None
    except CommandError as error:
        remark = f"  {_INCOMPLETE}" if restoration.has_written else ""
        raise CommandError(f"{error.message.rstrip()}{remark}", error.status) from None
    finally:
        steps.erase()


def _warnings(restoration: Restoration) -> Iterator[str]:
    blocks = sum(keys.is_block(step.key) and step.stored is not None for step in restoration.steps)
    if blocks:
        yield (
            f"blocks of addresses that differ from the file: {blocks:,}. Addresses that were assigned after it was "
            "saved may be assigned once more."
        )
    endpoints = sum(
        keys.endpoint_names(step.key) is not None and step.sign == DELETED for step in restoration.steps
    )
    if endpoints:
        yield f"endpoints that are deleted: {endpoints:,}. Felix drops the traffic of workloads that still run."


def _summary(restoration: Restoration, done: int, dry_run: bool) -> str:
    verb = "would be written" if dry_run else "written"
    kept = len(restoration.kept)
    text = f"{_counted(done, 'key')} {verb}"
    return f"{text}; {_counted(kept, 'key')} not in the file kept (see --delete)" if kept else text


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _first(texts: list[str]) -> list[str]:
    more = len(texts) - _SHOWN
    return [*texts[:_SHOWN], *([f"and {more:,} more"] if more > 0 else [])]
