"""A page that shows a widget without a notebook: its messages go to the real widget in Python over HTTP, and back.

The page's model does what anywidget's does: `get`, `send`, `on` and `off`.
"""

import base64
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>A notebook</title>
<link rel="icon" href="data:,">
<style>body { background: BACKGROUND; font: 30px serif; } button { transform: rotate(90deg); }</style>
<div id="first"></div>
<div id="second"></div>
<script type="module">
  import widget from "/widget.js";

  const decoded = (value) => Object.fromEntries(Object.entries(value).map(([key, each]) =>
    [key, each?.base64 === undefined ? each : new DataView(Uint8Array.from(atob(each.base64), (char) => char.charCodeAt(0)).buffer)]));
  const listeners = new Map();
  const emit = (name, ...values) => { for (const listener of listeners.get(name) ?? []) listener(...values); };
  const state = {};
  let sent = Promise.resolve(); // One message after another, as a notebook sends them.
  const model = {
    get: (name) => state[name],
    send: (content) => { sent = sent.then(() => fetch("/message", { method: "POST", body: JSON.stringify(content) })); },
    on: (name, listener) => listeners.set(name, [...(listeners.get(name) ?? []), listener]),
    off: (name, listener) => listeners.set(name, (listeners.get(name) ?? []).filter((each) => each !== listener)),
  };
  const take = (event) => {
    if (event.custom) return emit("msg:custom", event.custom, []);
    for (const [name, value] of Object.entries(event.state)) state[name] = name === "_picture" ? decoded(value) : value;
    for (const name of Object.keys(event.state)) emit(`change:${name}`);
  };
  let seen = 0;
  const poll = async () => {
    const events = await (await fetch(`/events?after=${seen}`)).json();
    seen += events.length;
    events.forEach(take);
  };
  await poll();
  window.listeners = listeners;
  window.show = (id) => { const el = document.getElementById(id); return widget.render({ model, el }); };
  window.stop = window.show("first");
  for (;;) await poll();
</script>
"""


class Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A page that is closed does not wait for its last answer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class PageHost:
    """Serves the page of a widget on the loopback until it is closed.

    Args:
        script: Content of ``widget.js``.
        background: Color of the page.
    """

    def __init__(self, script, background="white"):
        self.comm = None
        self.events = []
        self.received = []
        self._arrived = threading.Condition()
        self._closed = False
        self._held = None
        self._files = {"/": ("text/html", PAGE.replace("BACKGROUND", background)), "/widget.js": ("text/javascript", script)}
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path, _, query = self.path.partition("?")
                if path == "/events":
                    self.answer("application/json", json.dumps(host.after(int(query.removeprefix("after=")))))
                elif path in host._files:
                    self.answer(*host._files[path])
                else:
                    self.send_error(404)

            def do_POST(self):
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                host.received.append(content)
                host.comm.handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})
                self.answer("application/json", "null")

            def answer(self, kind, text):
                content = text.encode()
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}/"

    def publish(self, data, buffers):
        """Take what the widget sends."""
        if data.get("method") == "custom":
            event = {"custom": data["content"]}
        else:
            state = {name: dict(value) if isinstance(value, dict) else value for name, value in data.get("state", {}).items()}
            for (name, key), part in zip(data.get("buffer_paths", []), buffers, strict=True):
                state[name][key] = {"base64": base64.b64encode(part).decode()}
            event = {"state": state}
        with self._arrived:
            if self._held is not None and data.get("content", {}).get("kind") == "document":
                self._held.append(event)
                return
            self.events.append(event)
            self._arrived.notify_all()

    def hold(self):
        """Keep the objects of images back, as where Python is slow to tell them."""
        self._held = []

    def release(self):
        """Tell the page what was kept back."""
        with self._arrived:
            self.events += self._held
            self._held = None
            self._arrived.notify_all()

    def after(self, seen):
        with self._arrived:
            self._arrived.wait_for(lambda: len(self.events) > seen or self._closed, 5)
            return self.events[seen:]

    def close(self):
        with self._arrived:
            self._closed = True
            self._arrived.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
