"""What Felix accepts of the datastore, how it reads it and what it then does with a packet."""
