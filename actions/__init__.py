"""Custom actions: what a reply needs beyond words, such as a ticket, a clock or a phone number.

Actions decide which response is said and with which facts; every word of it is in ``domain.yml``. They fail (HTTP 5xx)
when the desk does not answer, so that the turn is tried again; repeating one changes nothing.
"""
