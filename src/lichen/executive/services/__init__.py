"""The service manager: what runs on a machine without a session, and in which order it starts and stops (NT: SCM)."""
