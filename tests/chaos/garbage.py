"""What answers on an exporter's port instead of it: garbage.py ADDRESS PORT SEED."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random


def garbage(draws: Random) -> tuple[int, str, bytes]:
    """Status, content type and body of a page that no exporter writes."""
    return draws.choice(
        [
            (200, "text/plain; version=0.0.4", draws.randbytes(20_000)),
            (200, "text/html", b"<!DOCTYPE html><html><body>Welcome to nginx!</body></html>"),
            (200, "text/plain; version=0.0.4", b"node_cpu_seconds_total{" + b"a" * 1_000_000),
            (200, "text/plain; version=0.0.4", b"nginx_connections_active NaN\nnginx_http_requests_total -1e400\n\x00"),
            (200, "application/json", b'{"status": "ok"}'),
            (200, "text/plain; version=0.0.4", b""),
            (500, "text/plain", b"An error has occurred while serving metrics\n"),
        ]
    )


def main() -> None:
    """Answer until a signal ends it."""
    address, port, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    draws = Random(seed)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, media_type, body = garbage(draws)
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    ThreadingHTTPServer((address, port), Handler).serve_forever()


if __name__ == "__main__":
    main()
