"""A gRPC server behind TLS, and a client of it that goes through something: HTTP/2 from end to end, by others' hands.

Usage: grpc_through.py serve CERTIFICATE KEY     says its port in its first line, and serves
       grpc_through.py ask PORT CERTIFICATE      asks good.com, which is found at that port of this host
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc


def read(path):
    with open(path, "rb") as file:
        return file.read()


def echo(request, context):
    context.set_trailing_metadata((("x-saw", str(len(request))),))
    return request


def count(requests, context):
    for request in requests:
        yield b"heard " + request


class Handlers(grpc.GenericRpcHandler):
    def service(self, call):
        if call.method == "/test.Test/Echo":
            return grpc.unary_unary_rpc_method_handler(echo)
        if call.method == "/test.Test/Count":
            return grpc.stream_stream_rpc_method_handler(count)
        return None


if sys.argv[1] == "serve":
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((Handlers(),))
    credentials = grpc.ssl_server_credentials([(read(sys.argv[3]), read(sys.argv[2]))])
    print(server.add_secure_port("127.0.0.1:0", credentials), flush=True)
    server.start()
    server.wait_for_termination()
else:
    options = [("grpc.ssl_target_name_override", "good.com"), ("grpc.default_authority", "good.com")]
    credentials = grpc.ssl_channel_credentials(read(sys.argv[3]))
    with grpc.secure_channel(f"127.0.0.1:{sys.argv[2]}", credentials, options) as channel:
        large = b"x" * 1_000_000
        answer, call = channel.unary_unary("/test.Test/Echo").with_call(large, timeout=30)
        assert answer == large and ("x-saw", "1000000") in [tuple(item) for item in call.trailing_metadata()]
        heard = channel.stream_stream("/test.Test/Count")(iter([b"1", b"2", b"3"]), timeout=30)
        assert list(heard) == [b"heard 1", b"heard 2", b"heard 3"]
        try:
            channel.unary_unary("/test.Test/None")(b"", timeout=30)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNIMPLEMENTED
    print("all of it")
