"""The two forms of the management API: JSON over REST, typed fields over gRPC. A call has one, chosen once."""
