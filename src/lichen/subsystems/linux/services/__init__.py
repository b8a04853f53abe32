"""The Linux face of the service manager: unit files as systemd has them, and its interface on D-Bus."""
