"""In place of PyTorch while pip reads the name and version of flash-attn's source package."""
__version__ = "2.8.0"
