"""universe."""
