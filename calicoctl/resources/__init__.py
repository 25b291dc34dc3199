"""The engine of the commands on resources: documents in, outcomes and answers out. Each kind has a folder."""
