"""Tests of `orders.operations`."""
