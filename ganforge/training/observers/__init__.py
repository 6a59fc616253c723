"""What happens beside the steps by default, through the same hooks as anybody's plugin."""
