"""Historical days: readers, one normalised event table, its playback through the matching engine."""
