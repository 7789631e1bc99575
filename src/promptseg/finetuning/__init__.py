"""Fine-tuning of mask decoders. Images are encoded once; an epoch only decodes."""
