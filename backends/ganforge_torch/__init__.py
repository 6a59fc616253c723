"""ganforge in PyTorch: the plugin is `ganforge_torch.plugin`, and torch is imported when a session is opened."""
