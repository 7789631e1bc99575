"""Annotated images: reading, writing and summarizing datasets in COCO, YOLO, Pascal VOC and other formats."""
