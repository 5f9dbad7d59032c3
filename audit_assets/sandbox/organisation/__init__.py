"""An invented organisation and its life in a Cloudflare account, from a seed."""
