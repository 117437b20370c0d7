"""Checks of the network as the VM sees it: the fabric, DHCP, routes, storage, proxies."""
