"""The I/O manager (NT: Io): files, devices and the operations that every file system answers."""
