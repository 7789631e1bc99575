"""Conversion of masks to and from other libraries, one module for each. A library is imported only when it is used."""
