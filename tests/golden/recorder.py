"""Forwards Kafka traffic and writes one JSON line per request and response, as README.md describes for clients.jsonl.

Usage: recorder.py CLIENT LISTEN_PORT UPSTREAM_PORT OUT
Of each API and version the first pairs with requests of different sizes are kept, KEEP at most, and no frame over LIMIT bytes.
"""

import asyncio
import collections
import json
import struct
import sys

KEEP, LIMIT = 4, 2_000
name, listen, upstream = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
out = open(sys.argv[4], "a", buffering=1)
kept = collections.defaultdict(set)


async def frames(reader):
    while True:
        try:
            size = await reader.readexactly(4)
            yield size + await reader.readexactly(struct.unpack(">i", size)[0])
        except (asyncio.IncompleteReadError, ConnectionError):
            return


def record(request, response):
    key, version = struct.unpack(">hh", request[4:8])
    sizes = kept[key, version]
    if len(sizes) < KEEP and len(request) not in sizes and max(len(request), len(response)) <= LIMIT:
        sizes.add(len(request))
        line = {"client": name, "api": key, "version": version, "request": request.hex(), "response": response.hex()}
        out.write(json.dumps(line) + "\n")


async def serve(client_reader, client_writer):
    broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", upstream)
    pending = {}

    async def up():
        async for frame in frames(client_reader):
            pending[struct.unpack(">i", frame[8:12])[0]] = frame
            broker_writer.write(frame)
        broker_writer.close()

    async def down():
        async for frame in frames(broker_reader):
            record(pending.pop(struct.unpack(">i", frame[4:8])[0]), frame)
            client_writer.write(frame)
        client_writer.close()

    await asyncio.gather(up(), down(), return_exceptions=True)


async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", listen) as server:
        await server.serve_forever()


asyncio.run(main())
