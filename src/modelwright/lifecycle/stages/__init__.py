"""The stages of a run, in order: each fills one folder of files and reads it back."""
