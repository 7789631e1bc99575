"""World coordinates: objects of a scene as vectors and as label rasters, and vectors as prompts and as truth."""
