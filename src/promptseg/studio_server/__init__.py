"""The studio: a page in which a person segments, names and corrects the objects of images, on top of the server and annotate's journal.

`project` is what a studio of images works on, `opening` and `app` make the studio, and ``api`` has its routes. Packages of their own are
``imports`` of annotations, ``rasters`` among the images, and ``video``: a studio of a video.
"""
