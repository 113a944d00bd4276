"""The search for alphas and what keeps it honest: counted trials, held-out worlds, survival, planted and null markets."""
