"""Several accounts in one instance."""
