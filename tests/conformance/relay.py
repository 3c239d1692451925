"""A way to a server that a test can cut, and mend again: connections over it end,
and new ones are refused while it is cut.
"""

import selectors
import socket
import threading


class Relay:
    def __init__(self, target):
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._thread = None
        self.mend()

    def mend(self):
        if self._thread is not None:
            return
        if self._listener is None:
            self._listener = socket.create_server(self.address)
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def cut(self):
        if self._thread is None:
            return
        self._stop.close()
        self._thread.join()
        self._stopped.close()
        self._thread = None
        self._listener = None

    stop = cut

    def _serve(self):
        selector = selectors.DefaultSelector()
        selector.register(self._listener, selectors.EVENT_READ)
        selector.register(self._stopped, selectors.EVENT_READ)
        connections = []
        while True:
            for key, _ in selector.select():
                if key.fileobj is self._stopped:
                    selector.close()
                    for connection in connections + [self._listener]:
                        connection.close()
                    return
                if key.fileobj is self._listener:
                    pair = self._listener.accept()[0], socket.create_connection(self._target)
                    connections += pair
                    selector.register(pair[0], selectors.EVENT_READ, pair[1])
                    selector.register(pair[1], selectors.EVENT_READ, pair[0])
                    continue
                try:
                    octets = key.fileobj.recv(1 << 16)
                    if octets:
                        key.data.sendall(octets)
                        continue
                    key.data.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                selector.unregister(key.fileobj)
