"""The engine of the YOLO family: from a photo to a frame, and from raw outputs to detections and masks; numpy but for the model itself."""
