"""Score tables that are larger than memory."""
