"""SAM 3 on transformers: concepts by phrases and examples, and points, boxes and masks on the engine of the SAM family."""
