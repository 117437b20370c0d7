"""The suite is a pytest plugin; this loads it from a checkout."""

pytest_plugins = ["backup_preflight.plugin"]

# `--record DIR` with an existing directory elsewhere makes pytest look for its ini file there; then testpaths is lost, and
# nobody who checks VMs wants the suite's own tests.
collect_ignore = ["selftests"]
