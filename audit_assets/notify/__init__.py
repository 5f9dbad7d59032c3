"""Where findings go besides the tracker: a webhook with summaries or OCSF events, chats, pagers and mail."""
