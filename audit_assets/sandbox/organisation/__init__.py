"""An invented organisation whose people and machines use a Cloudflare account, generated from a seed.

Here: who its members are, what they do on an ordinary day, the incidents, and the audit entries of all that.
Not here: how the entries are served (cloudflare).
"""
