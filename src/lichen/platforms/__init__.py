"""What executes guest instructions and reports their traps to the executive."""
