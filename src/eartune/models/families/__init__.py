"""Families of audio LLMs: one file each, which says how it hears, how it chats and what its parts are called."""
