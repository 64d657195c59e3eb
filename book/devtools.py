"""Drives a headless Chromium through the DevTools protocol.

Only what the page itself does is counted: the browser calls out by itself, too.
"""

import base64
import contextlib
import functools
import http.server
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import websocket

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-backgrounding-occluded-windows",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-allow-origins=*",
    "--remote-debugging-port=0",
]

ANSWER_WITHIN = 180  # seconds; a machine that does much else is slow to draw


def find_chromium() -> str | None:
    """The browser's program: $CHROMIUM, or the first of its usual names that there is."""
    names = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
    return next((found for name in names if name and (found := shutil.which(name))), None)


class Page:
    """One tab: what it is told to do, and what it asked for and complained about meanwhile."""

    def __init__(self, connection, session: str):
        self._connection, self._session = connection, session
        self._numbers = itertools.count(1)
        self.events: list[dict] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params):
        """Call a method of the protocol and give its result."""
        number = next(self._numbers)
        call = {"id": number, "method": method, "params": params, "sessionId": self._session}
        self._connection.send(json.dumps(call))
        while True:
            try:
                message = self._receive()
            except websocket.WebSocketTimeoutException:
                raise TimeoutError(f"the browser gave no answer to {method} {params}") from None
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]

    def _receive(self) -> dict:
        message = json.loads(self._connection.recv())
        if "method" in message:
            self.events.append(message)
        return message

    def goto(self, url: str) -> None:
        """Open a page as on a first visit; come back when it is loaded and its maths drawn."""
        origin = "/".join(url.split("/")[:3])
        self.send("Storage.clearDataForOrigin", origin=origin, storageTypes="all")
        self.events.clear()
        self.send("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._receive()
        # while a page scrolls smoothly, what one points at is not yet where it will be
        self.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
        self.evaluate("window.MathJax?.startup?.promise?.then(() => true) ?? true")
        self.evaluate("new Promise(done => setTimeout(done, 150))")

    def evaluate(self, expression: str):
        """The value of a JavaScript expression, awaited if it is a promise."""
        result = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def requests(self) -> list[str]:
        """The addresses that the page asked for since it was opened."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def errors(self) -> list[str]:
        """What the page wrote to its console as errors, and what it threw."""
        found = []
        for event in self.events:
            method, params = event["method"], event["params"]
            if method == "Runtime.exceptionThrown":
                found.append(params["exceptionDetails"].get("text", "exception"))
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
                found.append(str([arg.get("value") for arg in params["args"]]))
            elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
                found.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        return found

    def size(self, width: int, height: int = 900, *, mobile: bool = False) -> None:
        """Give the page a window of this size."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    def theme(self, name: str) -> None:
        """Turn the book's own light or dark theme on, as its button does."""
        self.evaluate(
            f"document.documentElement.dataset.mode = '{name}';"
            f"document.documentElement.dataset.theme = '{name}'"
        )

    def drag(self, *points: tuple[float, float]) -> None:
        """Press the mouse at the first point, pull it through the others, let go at the last."""
        for number, (x, y) in enumerate(points):
            if number == 0:
                self._mouse("mouseMoved", x, y, button="none")
                self._mouse("mousePressed", x, y, buttons=1, clickCount=1)
            else:
                self._mouse("mouseMoved", x, y, buttons=1)
        self._mouse("mouseReleased", *points[-1], clickCount=1)

    def click(self, x: float, y: float) -> None:
        """Press the mouse and let go at once."""
        self.drag((x, y))

    def hover(self, x: float, y: float) -> None:
        """Move the mouse there without pressing it."""
        self._mouse("mouseMoved", x, y, button="none")

    def _mouse(self, kind: str, x: float, y: float, *, button: str = "left", **more) -> None:
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, **more)

    def key(self, name: str) -> None:
        """Press and release a key, for example ``ArrowRight``."""
        codes = {
            **{"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40},
            **{"Home": 36, "End": 35, "Enter": 13, "Tab": 9},
        }
        for kind in ("keyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent",
                type=kind,
                key=name,
                code=name,
                windowsVirtualKeyCode=codes[name],
            )

    def screenshot(self, clip: dict | None = None) -> bytes:
        """A PNG of the window, or of a rectangle of the page that the window shows."""
        extra = {"clip": {**clip, "scale": 1}} if clip else {}
        return base64.b64decode(self.send("Page.captureScreenshot", format="png", **extra)["data"])


@contextlib.contextmanager
def chromium(program: str):
    """A browser with one tab, in a fresh profile that is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="painlab-chromium-") as profile:
        process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            connection = websocket.create_connection(
                _address(Path(profile), process), timeout=ANSWER_WITHIN
            )
            try:
                yield _first_page(connection)
            finally:
                connection.close()
        finally:
            process.terminate()
            process.wait(timeout=30)
            time.sleep(0.2)  # its children let go of the profile


def _address(profile: Path, process: subprocess.Popen) -> str:
    port_file = profile / "DevToolsActivePort"
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"Chromium ended at once with status {process.returncode}.")
        if port_file.exists() and len(lines := port_file.read_text().splitlines()) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)
    raise RuntimeError("Chromium did not open its DevTools port within 30 s.")


def _first_page(connection) -> Page:
    def call(number: int, method: str, **params):
        connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while (message := json.loads(connection.recv())).get("id") != number:
            pass
        return message["result"]

    targets = call(1, "Target.getTargets")["targetInfos"]
    target = next(t["targetId"] for t in targets if t["type"] == "page")
    return Page(
        connection,
        call(2, "Target.attachToTarget", targetId=target, flatten=True)["sessionId"],
    )


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def served(folder: Path):
    """The address of a server on this machine that serves a folder."""
    handler = functools.partial(_Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
