"""What is kept of a code, a page's token or a session: never the secret itself."""

import hashlib


def code_digest(secret: str) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(secret.encode()).hexdigest()
