"""Take the manual's pictures from a real run."""
