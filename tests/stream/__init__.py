"""Tests of `orders.stream`."""
