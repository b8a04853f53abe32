"""The integral subsystem: the kernel proper, which knows neither Linux nor Win32 nor what runs the guests."""
