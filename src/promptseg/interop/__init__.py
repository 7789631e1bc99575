"""Conversion of masks to and from other libraries, and modules that other tools load. A library is imported only when it is used."""
