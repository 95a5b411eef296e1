"""A shop of three orders, on port 8000."""

import http.server
import json

ORDERS = [
    {"item": "nest", "price": 12},
    {"item": "feather", "price": 3},
    {"item": "seed", "price": 1},
]


class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/orders":
            self.answer(200, ORDERS)
        elif self.path == "/health":
            self.answer(200, {"status": "open"})
        else:
            self.answer(404, {"error": "not found"})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Shop).serve_forever()
