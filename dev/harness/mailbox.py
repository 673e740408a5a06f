"""A mail server that keeps what Odoo sends: nothing leaves this machine.

It speaks as much SMTP (RFC 5321) as Odoo needs to hand over a mail.
"""

import email.policy
import re
import socketserver
import threading
from collections.abc import Callable
from email.message import EmailMessage

CODE = re.compile(r"\b\d{6}\b")


class Mailbox(socketserver.ThreadingTCPServer):
    """Hands each mail that arrives to ``receive``, in a thread of its own."""

    daemon_threads = True

    def __init__(self, receive: Callable[[EmailMessage], None]):
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.receive = receive
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def options(self) -> tuple[str, str]:
        """What Odoo is started with to send its mails here."""
        return "--smtp=127.0.0.1", f"--smtp-port={self.server_address[1]}"


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self._answer("220 ready")
        for line in self.rfile:
            verb = line[:4].upper().rstrip()
            if verb == b"DATA":
                self._answer("354 go on")
                self._take()
            self._answer("221 bye" if verb == b"QUIT" else "250 ok")
            if verb == b"QUIT":
                return

    def _take(self) -> None:
        lines = []
        for line in self.rfile:
            if line.rstrip(b"\r\n") == b".":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        self.server.receive(email.message_from_bytes(b"".join(lines), policy=email.policy.default))

    def _answer(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


def code_in(mail: EmailMessage) -> str | None:
    """Return the six digits that a mail tells, if any."""
    body = mail.get_body(("plain",))
    found = CODE.search(body.get_content()) if body else None
    return found and found[0]
