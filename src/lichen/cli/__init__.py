"""The `lichen` command: one file for each family of verbs."""
