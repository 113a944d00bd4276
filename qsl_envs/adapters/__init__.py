"""Other libraries' forms of a native vector environment. Each is imported from its own module, with its own extra."""
