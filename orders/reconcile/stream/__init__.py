"""The exchange's stream: read it, apply what it says, and say how it stands.

It only reads and never opens an agent key. The stream is never the only source: after every
connect and every gap a read of the open orders follows, and reads go on, more rarely. One event
loop holds the connections; all database work is done in threads. It may import `keys` and what
`orders.reconcile` may. Open `worker` first, then `group` and `connection`.
"""
