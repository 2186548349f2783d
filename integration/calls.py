"""calls.py -- a client of dkv's services over gRPC's own Python, none of our code in it."""
import os
import threading
import uuid

# gRPC's fork handlers want no child of a process that speaks; ours are started without fork.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc  # noqa: E402
from dkv.v1 import admin_pb2, kv_pb2, paxos_pb2  # noqa: E402

OPTIONS = [
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),  # A connection of its own for each channel.
    ("grpc.initial_reconnect_backoff_ms", 100),  # Below 100 it would take its default.
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.max_receive_message_length", 8 << 20),
    ("grpc.max_send_message_length", 64 << 20),
]

Code = grpc.StatusCode
Error = grpc.RpcError


def reason(error):
    """The trailer that tells programs why."""
    return dict(error.trailing_metadata() or ()).get("dkv-reason")


class Session:
    """A client's numbers: each write takes the next one, and says what it has seen."""

    def __init__(self, born=1, client_id=None):
        self.client_id = client_id or uuid.uuid4().bytes
        self.op_id = 0
        self.born = born

    def next(self):
        self.op_id += 1
        return self.at(self.op_id)

    def at(self, op_id, floor=None):
        return kv_pb2.Session(client_id=self.client_id, op_id=op_id, floor=floor or op_id,
                              born=self.born)


class Client:
    """Calls to one node. Every call raises calls.Error unless the node answers OK."""

    def __init__(self, address, timeout=10.0):
        self.address = address
        self.timeout = timeout
        self.channel = grpc.insecure_channel(address, options=OPTIONS)

    def close(self):
        self.channel.close()

    def raw(self, method, request, timeout=None, decode=None, wait=False):
        """A call with bytes; returns bytes, or what decode makes of them. wait: for a connection
        (else a node that cannot be reached, or could not be a moment ago, fails the call)."""
        call = self.channel.unary_unary(method, request_serializer=None,
                                        response_deserializer=decode)
        return call(request, timeout=timeout or self.timeout, wait_for_ready=wait)

    def future(self, method, request, reply, timeout=None):
        call = self.channel.unary_unary(method, request_serializer=type(request).SerializeToString,
                                        response_deserializer=reply.FromString)
        return call.future(request, timeout=timeout or self.timeout)

    def call(self, method, request, reply, timeout=None, wait=False):
        return self.raw(method, request.SerializeToString(), timeout, reply.FromString, wait)

    def hello(self, **how):
        return self.call("/dkv.v1.KV/Hello", kv_pb2.HelloRequest(), kv_pb2.HelloResponse, **how)

    def get(self, key, sequential=False, min_slot=0, **how):
        consistency = kv_pb2.CONSISTENCY_SEQUENTIAL if sequential else kv_pb2.CONSISTENCY_BARRIER
        request = kv_pb2.GetRequest(key=key, consistency=consistency, min_slot=min_slot)
        return self.call("/dkv.v1.KV/Get", request, kv_pb2.GetResponse, **how)

    def put(self, key, value, session=None, timeout=None, **fields):
        request = kv_pb2.PutRequest(key=key, value=value, session=session, **fields)
        return self.call("/dkv.v1.KV/Put", request, kv_pb2.WriteResponse, timeout)

    def append(self, key, value, session=None, timeout=None, **fields):
        request = kv_pb2.AppendRequest(key=key, value=value, session=session, **fields)
        return self.call("/dkv.v1.KV/Append", request, kv_pb2.WriteResponse, timeout)

    def delete(self, key, session=None, timeout=None, **fields):
        request = kv_pb2.DeleteRequest(key=key, session=session, **fields)
        return self.call("/dkv.v1.KV/Delete", request, kv_pb2.WriteResponse, timeout)

    def cas(self, key, value, session=None, timeout=None, **fields):
        request = kv_pb2.CompareAndSetRequest(key=key, value=value, session=session, **fields)
        return self.call("/dkv.v1.KV/CompareAndSet", request, kv_pb2.WriteResponse, timeout)

    def batch(self, requests):
        """Batch: an iterator of BatchRequests gives one of BatchResponses."""
        call = self.channel.stream_stream(
            "/dkv.v1.KV/Batch", request_serializer=kv_pb2.BatchRequest.SerializeToString,
            response_deserializer=kv_pb2.BatchResponse.FromString)
        return call(requests, wait_for_ready=True)

    def health(self, **how):
        return self.call("/dkv.v1.Admin/Health", admin_pb2.HealthRequest(),
                         admin_pb2.HealthResponse, **how)

    def status(self, **how):
        return self.call("/dkv.v1.Admin/Status", admin_pb2.StatusRequest(),
                         admin_pb2.StatusResponse, **how)

    def report(self, **how):
        """All that Metrics has."""
        return self.call("/dkv.v1.Admin/Metrics", admin_pb2.MetricsRequest(),
                         admin_pb2.MetricsResponse, **how)

    def metrics(self, **how):
        """{name: value} of the plain ones."""
        return {m.name: m.value for m in self.report(**how).metrics if not m.labels}

    def set_faults(self, rules, replace=True, **how):
        """rules: a list of dicts with the fields of FaultRule."""
        request = admin_pb2.SetFaultsRequest(rules=[admin_pb2.FaultRule(**r) for r in rules],
                                             replace=replace)
        return self.call("/dkv.v1.Admin/SetFaults", request, admin_pb2.SetFaultsResponse, **how)

    def clear_faults(self, **how):
        return self.call("/dkv.v1.Admin/ClearFaults", admin_pb2.ClearFaultsRequest(),
                         admin_pb2.ClearFaultsResponse, **how)

    def die(self, **how):
        return self.call("/dkv.v1.Admin/Die", admin_pb2.DieRequest(), admin_pb2.DieResponse, **how)

    def peer_stream(self, envelopes, timeout=10.0):
        """Speaks as a peer: sends the envelopes, and waits for the error that ends the stream."""
        over = threading.Event()

        def speak():
            yield from envelopes
            over.wait(timeout)  # A stream that we close says nothing more to us.
        call = self.channel.stream_unary(
            "/dkv.v1.Paxos/Stream", request_serializer=lambda e: e.SerializeToString(),
            response_deserializer=paxos_pb2.StreamResponse.FromString)
        error = call.future(speak(), timeout=timeout).exception()
        over.set()
        assert error is not None, "the stream was ended without an error"
        return error
