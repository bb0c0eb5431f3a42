"""A CRM on loopback that fails in every way it is told to, and remembers what it accepted."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl


class CrmServer:
    """Answers HubSpot's batch update, and what Odoo and Dynamics want, as the script says.

    A step of the script is ``ok``, a status, ``hang`` (accepts, answers too late), ``drop`` (hangs
    up before reading), ``lost`` (accepts, hangs up) or ``partial`` (refuses the records in `bad`).
    Who asks what was accepted is told, by the same script.
    """

    def __init__(self) -> None:
        self.script: deque[str] = deque()
        self.bad: set[str] = set()
        self.accepted: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.kept: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, Any]] = []
        self.sizes: list[int] = []
        self.bodies: list[Any] = []
        self.headers: dict[str, str] = {}
        self.secret, self.tokens, self.lasts = "", 0, None
        self.forms: list[dict[str, str]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                owner.answer(self)

            def do_PATCH(self) -> None:
                owner.answer(self)

            def log_message(self, *_: Any) -> None:
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        step = self.script.popleft() if self.script else "ok"
        if step == "drop":
            handler.close_connection = True
            return
        length = int(handler.headers["Content-Length"])
        content = handler.rfile.read(length)
        if handler.path.endswith("/token"):
            self._give_token(handler, dict(parse_qsl(content.decode())))
            return
        if self.secret and handler.headers["Authorization"] != f"Bearer token-{self.tokens}":
            self._reply(handler, 401, {"message": "expired"})
            return
        body = json.loads(content)
        if "fields" in body or "properties" in body:
            self._read(handler, step, body)
            return
        self._update(handler, step, body)

    def _update(self, handler: BaseHTTPRequestHandler, step: str, body: Any) -> None:
        self.bodies.append((handler.command, handler.path, body, dict(handler.headers)))
        ids = _ids(body)
        self.sizes.append(len(ids))
        if step.isdigit():
            self._reply(handler, int(step), {"message": "no"})
            return
        refused = self.bad & set(ids)
        if refused and step != "partial":
            self._reply(handler, 400, {"message": "one of them is wrong"})
            return
        taken = [each for each in ids if each not in refused]
        self.accepted.update(taken)
        self.kept.update((each, fields) for each, fields in _fields(body) if each in taken)
        if step == "hang":
            time.sleep(0.6)
        if step in ("hang", "lost"):
            handler.close_connection = True
            return
        self.told.update(taken)
        results = [{"id": each} for each in taken]
        answer: Any = {"status": "COMPLETE", "results": results}
        if refused:
            why = {"category": "VALIDATION_ERROR", "message": "wrong"}
            answer["errors"] = [{**why, "context": {"ids": sorted(refused)}}]
        if "composite" in handler.path:
            answer = [
                {"id": each, "success": each not in refused, "errors": []}
                if each not in refused
                else {"success": False, "errors": [{"statusCode": "INVALID", "message": "no"}]}
                for each in ids
            ]
        self._reply(handler, 207 if refused else 200, answer)

    def _read(self, handler: BaseHTTPRequestHandler, step: str, body: Any) -> None:
        """Tell what was accepted, as HubSpot's batch read or Salesforce's collections do."""
        self.asked.append((handler.path.split("?")[0], body))
        if step in ("hang", "lost"):
            handler.close_connection = True
        elif step.isdigit():
            self._reply(handler, int(step), {"message": "no"})
        elif "fields" in body:
            wanted = [self.kept.get(each) for each in body["ids"]]
            self._reply(handler, 200, wanted)
        else:
            found = [
                {"id": each["id"], "properties": texts(self.kept[each["id"]])}
                for each in body["inputs"]
                if each["id"] in self.kept
            ]
            self._reply(handler, 200, {"status": "COMPLETE", "results": found})

    def _give_token(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        """Give a new token, which ends the one before, to whoever knows the secret."""
        self.forms.append({"path": handler.path, **form})
        if "assertion" not in form and form.get("client_secret") != self.secret:
            self._reply(handler, 401, {"error": "invalid_client"})
            return
        self.tokens += 1
        told = {"access_token": f"token-{self.tokens}", "token_type": "Bearer"}
        self._reply(
            handler, 200, told if self.lasts is None else {**told, "expires_in": self.lasts}
        )

    def _reply(self, handler: BaseHTTPRequestHandler, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        handler.send_response(status)
        for name, value in (self.headers if status >= 400 else {}).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


def _ids(body: Any) -> list[str]:
    if "inputs" in body:
        return [each["id"] for each in body["inputs"]]
    if "records" in body:
        return [each["id"] for each in body["records"]]
    return [str(body.get("msdyn_entityid", body.get("id")))]


def _fields(body: Any) -> list[tuple[str, dict[str, Any]]]:
    if "inputs" in body:
        return [(each["id"], each["properties"]) for each in body["inputs"]]
    if "records" in body:
        return [(each["id"], each) for each in body["records"]]
    return []


def texts(fields: dict[str, Any]) -> dict[str, str | None]:
    """Return fields as HubSpot gives them back: numbers as texts, no text as nothing."""
    return {name: None if value == "" else str(value) for name, value in fields.items()}
