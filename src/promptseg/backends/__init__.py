"""Adapters: one a file, each making a wrapped library speak the protocols. They depend on the core and never on each other."""
