"""The sources of the settings for etcd and their precedence: options, environment variables, configuration files."""
