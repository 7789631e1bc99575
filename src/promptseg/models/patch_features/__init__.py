"""Features of image patches from vision transformers that were trained without labels, or for another task: DINOv2, and those of timm."""
