"""A collector of traces: takes OTLP over HTTP, as OpenTelemetry's exporters send it, and keeps the spans."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """A finished span, its ids in hexadecimal."""

    name: str
    service: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, str]
    failed: bool


@dataclass
class Collector:
    """What arrived so far."""

    url: str = ""
    spans: list[Span] = field(default_factory=list[Span])
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, body: bytes) -> None:
        """Keep what one request brought."""
        request = ExportTraceServiceRequest.FromString(body)
        with self.arrived:
            for resource in request.resource_spans:
                about = {each.key: each.value.string_value for each in resource.resource.attributes}
                for scope in resource.scope_spans:
                    self.spans += [
                        Span(
                            name=span.name,
                            service=about.get("service.name", ""),
                            trace=span.trace_id.hex(),
                            id=span.span_id.hex(),
                            parent=span.parent_span_id.hex(),
                            attributes={
                                each.key: each.value.string_value or str(each.value.int_value)
                                for each in span.attributes
                            },
                            failed=span.status.code == 2,
                        )
                        for span in scope.spans
                    ]
            self.arrived.notify_all()

    def wait_for(self, name: str, trace: str, seconds: float) -> None:
        """Wait until a span of this name in a trace arrived."""

        def there() -> bool:
            return any(span.name == name and span.trace == trace for span in self.spans)

        with self.arrived:
            assert self.arrived.wait_for(there, seconds), f"no span {name} arrived"


@contextmanager
def collecting() -> Generator[Collector]:
    """A collector that listens while the context is open."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
