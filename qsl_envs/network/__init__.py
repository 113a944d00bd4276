"""The network: places, media and links between nodes. Says how long a message travels and whether it arrives."""
