"""From a raw file to a trained, checked and explained model."""
