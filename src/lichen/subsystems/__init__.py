"""The environment subsystems: each one a front-end of the executive, and none knows another."""
