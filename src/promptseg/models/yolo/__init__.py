"""Engine of the YOLO family: letterboxing of images, and detections and masks from raw outputs. All of it is numpy except the network."""
