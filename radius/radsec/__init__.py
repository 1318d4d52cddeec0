"""RADIUS over TLS (RFC 6614): packets of gateways that prove who they are by a certificate, and orders to them."""
