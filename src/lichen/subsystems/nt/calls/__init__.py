"""The NT system calls, one topic to a file; each converts, asks the executive, converts back."""
