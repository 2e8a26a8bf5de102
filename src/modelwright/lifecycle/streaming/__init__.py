"""Score a stream of events: at-least-once delivery with an idempotent effect."""
