"""Tests of `orders.reconcile.stream`."""
