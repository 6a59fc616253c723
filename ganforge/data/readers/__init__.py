"""Readers of what `--data` may point at: folders, archives and tables of images, arrays; a file for each kind."""
