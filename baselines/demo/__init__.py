"""What `qsl demo` is made of: its worlds, its sweeps of latency and fees, its page."""
