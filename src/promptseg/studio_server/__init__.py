"""The studio: a page in which a person segments, names and corrects the objects of images, on top of the server and annotate's journal."""
