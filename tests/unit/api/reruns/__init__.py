"""Running jobs again over HTTP."""
