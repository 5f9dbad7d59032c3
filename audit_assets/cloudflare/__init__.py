"""Cloudflare's audit log: pulled whole or not at all, and made into typed frames."""
