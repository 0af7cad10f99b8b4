"""What a running daemon does by itself: here, noticing runs whose process is gone."""
