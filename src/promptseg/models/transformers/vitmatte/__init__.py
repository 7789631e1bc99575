"""ViTMatte: alpha of an object from an image and a trimap."""
