"""What trainers share: networks, experience, starts that are better than nothing, settings, files of a run."""
