"""Values that are compared or counted but never kept: a keyed hash stands for them."""

from __future__ import annotations

import hashlib
import hmac


def keyed_hash(purpose: str, value: str, secret: str) -> str:
    """HMAC-SHA256 of `value` for this purpose only, as 64 hex digits."""
    return hmac.new(secret.encode(), f"{purpose}\0{value}".encode(errors="surrogatepass"), hashlib.sha256).hexdigest()
