"""Apps, routes and templates of the server's pages, made once for many tests."""
