"""An embedded HLS origin for the demo and for tests."""
