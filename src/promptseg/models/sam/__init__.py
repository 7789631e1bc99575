"""The SAM family: all code that its models share, behind an interface of two methods, `encode` and `decode`.

`model.py` defines the interface, `session.py` is the path from a prompt to a mask, `everything.py` is the automatic mode.
"""
