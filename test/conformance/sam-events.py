"""Makes events of HTTP requests with the code of AWS's SAM CLI. Reads a JSON list of requests, writes the list of events."""

import base64
import io
import json
import sys
from urllib.parse import unquote_to_bytes

from samcli.local.apigw.event_constructor import construct_v1_event, construct_v2_event_http
from werkzeug.wrappers import Request


class RoutedRequest(Request):
    """What Flask adds to a request: the route `/{proxy+}` and its parameter."""

    endpoint = "/<path:proxy>"

    @property
    def view_args(self):
        return {"proxy": self.path[1:]}


def request_of(given):
    path, _, query = given["target"].partition("?")
    body = base64.b64decode(given["body"])
    environ = {
        "REQUEST_METHOD": given["method"],
        "PATH_INFO": path_info(path),
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "443",
        "REMOTE_ADDR": given["sourceIp"],
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(body),
    }
    for name, value in given["headers"]:
        key = name.upper().replace("-", "_")
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        separator = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = environ[key] + separator + value if key in environ else value
    return RoutedRequest(environ)


def path_info(path):
    return unquote_to_bytes(path).decode("latin-1")


def event_of(given):
    if given["format"] == "v1":
        return construct_v1_event(request_of(given), "443", given["binaryTypes"], stage_name="local")
    return construct_v2_event_http(request_of(given), "443", given["binaryTypes"], route_key="$default")


json.dump([event_of(given) for given in json.load(sys.stdin)], sys.stdout)
