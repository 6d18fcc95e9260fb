"""The kill switch: one decision, then strategies, cancel-all and what is left, until it is empty.

It imports every package but `admin`, `alerts` and the processes. It needs neither Celery nor a
broker. Open `decision` first, then `worker`.
"""
