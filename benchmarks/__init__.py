"""What the documented figures are measured with; never imported by the platform or its tests."""
