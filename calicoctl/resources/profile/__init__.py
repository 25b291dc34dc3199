"""The kind Profile: its documents, its stored form, and the plan that changes what is stored."""
