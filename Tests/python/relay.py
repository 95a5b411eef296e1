"""Carries standard input and output to a port on this machine: a stdio server that lives in another process."""

import socket
import sys
import threading

connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))


def send():
    while chunk := sys.stdin.buffer.raw.read(65536):
        connection.sendall(chunk)
    connection.shutdown(socket.SHUT_WR)


threading.Thread(target=send, daemon=True).start()
while chunk := connection.recv(65536):
    sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
