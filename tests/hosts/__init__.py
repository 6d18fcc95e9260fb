"""Several hosts on one machine: network namespaces, and a switch of our own between them."""
