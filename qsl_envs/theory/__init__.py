"""Theory held against simulation: models with known answers, run through the package's own books and environments."""
