"""An upgrade, rehearsed: what older code left is taken over by this one."""
