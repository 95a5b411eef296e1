"""A WebSocket client or server of the Python world: websocket.py client URL | websocket.py server."""

import json
import sys
import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import serve


def closing(error):
    return {"code": error.rcvd.code, "reason": error.rcvd.reason} if error.rcvd else None


def client(url):
    """Talks to a server that echoes, and tells what came back."""
    seen = {}
    with connect(url, subprotocols=["none", "echo"], compression=None, max_size=None) as socket:
        seen["subprotocol"] = socket.subprotocol
        socket.send("hällo")
        seen["text"] = socket.recv()
        socket.send(bytes(range(256)))
        seen["binary"] = list(socket.recv())
        socket.send(["al", "pha", "", "bet"])
        seen["fragments"] = socket.recv()
        socket.send(b"x" * 1_000_000)
        # Not put together: the pieces as they came.
        pieces = list(socket.recv_streaming())
        seen["pieces"] = [len(pieces) > 1, sum(map(len, pieces)), set(b"".join(pieces)) == {120}]
        seen["pong"] = socket.ping(b"are you there").wait(30)
        socket.send("ping me")
        seen["after ping"] = socket.recv()
        socket.send("close")
        try:
            socket.recv()
        except ConnectionClosed as error:
            seen["closed"] = closing(error)
    with connect(url, compression=None) as socket:
        try:
            socket.send(b"x" * 5_000_000)
            socket.recv()
        except ConnectionClosed as error:
            seen["too big"] = closing(error)
    with connect(url, compression=None) as socket:
        socket.close(4000, "mine")
    print(json.dumps(seen))


def server():
    """Echoes, prints its port first and then how each connection ended, until its input ends."""

    def handle(socket):
        try:
            for message in socket:
                if message == "fragments":
                    socket.send(["one", "", " two", " three"])
                elif message == "ping":
                    socket.send(f"ponged {socket.ping(b'?').wait(30)}")
                elif message == "close":
                    socket.close(3001, "enough")
                else:
                    socket.send(message)
            print(json.dumps({"code": socket.close_code, "reason": socket.close_reason}), flush=True)
        except ConnectionClosed as error:
            print(json.dumps(closing(error)), flush=True)

    with serve(handle, "127.0.0.1", 0, subprotocols=["echo"], compression=None, max_size=None) as listening:
        print(listening.socket.getsockname()[1], flush=True)
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        sys.stdin.read()
        listening.shutdown()


client(sys.argv[2]) if sys.argv[1] == "client" else server()
