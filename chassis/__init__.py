"""What the five services share: the way of a command, the event store, feeds and views. Knows no
service.
"""
