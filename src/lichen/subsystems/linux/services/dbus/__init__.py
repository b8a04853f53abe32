"""The service manager on D-Bus: systemd's private socket, and as much of a system bus as its tools ask for."""
