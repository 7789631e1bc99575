"""Images with their objects: reading, writing and summaries of datasets, in the formats of others."""
