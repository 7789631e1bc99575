"""Import of annotations that were made elsewhere.

- `files` opens what a person gave, in any format; `yolo_files` pairs the text files of YOLO with images.
- `annotations` adds the objects to the images of a project.
- `undo` takes the latest imports back.
"""
