"""Builds of calicoctl besides the wheel: one file that Python runs, and a Debian package.

`make pyz` and `make deb` build them in dist/. docs/install.md says how they are installed.
"""
