"""The only place that waits: DNS, SMTP and HTTPS over real sockets, on trio."""
