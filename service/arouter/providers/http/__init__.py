"""An HTTP/1.1 client for providers; `httptools` (llhttp) does all parsing."""
