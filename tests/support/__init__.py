"""What the tests stand on: real processes, ports, clients. Nothing of ours is mocked."""
