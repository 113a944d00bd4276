"""The search for alphas, and what keeps it honest: counted trials, held-out worlds, planted and null markets."""
