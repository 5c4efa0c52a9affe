"""F3: what a deep feature means: exemplars, visualisations, superpixels, words, the order of the path."""
