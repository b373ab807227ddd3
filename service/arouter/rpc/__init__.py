"""The gRPC edge: the only room that knows grpc and the generated code."""
