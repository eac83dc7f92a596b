"""What things cost, beside their peers: `make bench` and `make bench-synth`."""
