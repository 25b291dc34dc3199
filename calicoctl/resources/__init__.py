"""The engine of the commands on resources. It reads documents, writes objects and reports; each kind has a folder."""
