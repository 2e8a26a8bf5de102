"""Make a bundle smaller or faster: the rows it is measured on, the ladder of smaller models, the choice."""
