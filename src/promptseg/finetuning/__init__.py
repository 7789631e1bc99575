"""Fine-tuning of mask decoders: photos are encoded once, and an epoch costs decoding only."""
