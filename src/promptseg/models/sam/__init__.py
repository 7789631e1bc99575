"""The SAM-family engine: everything that its models share, against a two-method seam (`encode`, `decode`).

Read `model.py` for the seam, `session.py` for the path from a prompt to a mask, `everything.py` for the automatic mode.
"""
