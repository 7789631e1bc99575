"""The SAM family on torch."""
