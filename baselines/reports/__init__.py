"""To be looked at: pictures, films, and one self-contained page."""
