"""The usage texts. They are not in the modules of the commands, so that help and completion load only the texts."""
