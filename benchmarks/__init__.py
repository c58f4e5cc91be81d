"""How fast, measured against floors in the same run."""
