"""The kind Profile: its documents, what is stored of it, and the plan from one to the other."""
