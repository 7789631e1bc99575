"""Widgets of notebooks: click on an image, and have its masks in Python."""
