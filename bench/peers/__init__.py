"""What people would take instead, and plain pytest."""
