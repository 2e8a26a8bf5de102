"""Judge predictions that somebody else made, from a table that holds them beside the truth."""
