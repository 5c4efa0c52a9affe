"""F1: images and sentences in, a table of deep features on disk out."""
