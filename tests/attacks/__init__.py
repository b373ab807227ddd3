"""Scripts that one can run by hand against ARouter, on the loopback device alone."""
