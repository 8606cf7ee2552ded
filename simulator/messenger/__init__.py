"""Messenger, as the Messenger Platform describes itself under developers.facebook.com."""
