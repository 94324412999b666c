"""What `fieldglass train` trains on medical pictures."""
