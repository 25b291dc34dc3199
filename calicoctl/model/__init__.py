"""What the stored objects mean, as docs/data-model.md describes them. No I/O; imports nothing of the other rooms."""
