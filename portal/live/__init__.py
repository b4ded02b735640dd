"""Open pages hear of what changed: one small process that holds a stream to every browser and reads each change once."""
