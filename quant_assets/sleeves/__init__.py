"""sleeves."""
