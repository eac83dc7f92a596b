"""What protects: encryption keys and the web application firewall."""
