"""A reverse proxy in front of several servers, as small as can be: any of them gets a request."""

import asyncio
import random
import threading

LIMIT = 180  # seconds that a server may take
LONGEST_HEAD = 65536
PLACES = 8  # requests that a server has at a time: more would overflow the queue of its socket


class Proxy:
    """Passes each request on to a server at random; ``address`` is where it listens.

    To another one where nobody listens: then the request was not sent. 503 where nobody listens
    at all, 502 when a server goes away before its answer is whole: whether it did what it was
    asked, nobody knows.
    """

    def __init__(self, ports):
        self.places = {port: asyncio.Semaphore(PLACES) for port in ports}
        self.loop = asyncio.new_event_loop()
        self.listener = self.loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LONGEST_HEAD, backlog=256)
        )
        port = self.listener.sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    async def _serve(self, reader, writer):
        try:
            writer.write(await self._answer(await _read_request(reader)))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away
        finally:
            writer.close()

    async def _answer(self, request):
        for port in random.sample([*self.places], len(self.places)):
            async with self.places[port]:
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    continue
                return await _exchange(reader, writer, request)
        return _error("503 Service Unavailable")


async def _read_request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await reader.readexactly(_length(head) or 0)


async def _exchange(reader, writer, request):
    try:
        writer.write(request)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(-1), LIMIT)
    except asyncio.TimeoutError:
        return _error("504 Gateway Timeout")
    except OSError:
        return _error("502 Bad Gateway")
    finally:
        writer.close()
    head, end, body = answer.partition(b"\r\n\r\n")
    whole = end and len(body) >= (_length(head) or 0)
    return answer if whole else _error("502 Bad Gateway")


def _length(head):
    for line in head.split(b"\r\n"):
        name, _colon, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return None


def _error(status):
    return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
