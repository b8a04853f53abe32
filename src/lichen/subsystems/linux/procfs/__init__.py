"""What Linux programs find in /proc and /sys. The driver that shows it is filesystems.generated.

Everything comes from the executive: processes of every subsystem show up alike, and nothing of the host's processes does.
"""
