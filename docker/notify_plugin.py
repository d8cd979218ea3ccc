"""Tells lungcad of stable CT series. One file for Orthanc's "PythonScript"; standard library and `import orthanc` only.

Variables of Orthanc's environment configure it:
    LUNGCAD_NOTIFY_URL    root of the service's API, for instance http://127.0.0.1:8140 (without it the plugin sleeps)
    LUNGCAD_NOTIFY_TOKEN  the API's token, if it asks for one; or LUNGCAD_NOTIFY_TOKEN_FILE, a file with it

A notice that is lost does no harm: the service also reads Orthanc's change log. Notices only make it prompt. They are
posted from a thread of their own, because a callback that waits would hold up Orthanc.
"""

import json
import os
import queue
import threading
import urllib.error
import urllib.request

import orthanc

POST_TIMEOUT_S = 5.0
MOST_WAITING = 10000  # beyond this the service has been away for long and will read the change log anyway

URL = os.environ.get("LUNGCAD_NOTIFY_URL", "").rstrip("/")


def read_token():
    """The API's token, from the environment or from a file."""
    path = os.environ.get("LUNGCAD_NOTIFY_TOKEN_FILE")
    if not path:
        return os.environ.get("LUNGCAD_NOTIFY_TOKEN", "")
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


TOKEN = read_token()

waiting = queue.Queue(MOST_WAITING)


def is_ct(series_id):
    """Whether a series is CT; False when it is already gone. Our own SR and SEG are not."""
    try:
        series = json.loads(orthanc.RestApiGet("/series/" + series_id))
    except orthanc.OrthancException:
        return False
    return series.get("MainDicomTags", {}).get("Modality") == "CT"


def post(series_id):
    """Name a series to the service."""
    headers = {"Content-Type": "application/json"}
    if TOKEN:
        headers["Authorization"] = "Bearer " + TOKEN
    body = json.dumps({"series_id": series_id}).encode()
    request = urllib.request.Request(URL + "/api/v1/series", data=body, headers=headers, method="POST")
    with urllib.request.urlopen(request, timeout=POST_TIMEOUT_S):
        pass


def post_notices():
    """Post until told to end; a service that is away is logged once per absence."""
    away = False
    while True:
        series_id = waiting.get()
        if series_id is None:
            return
        if not is_ct(series_id):
            continue
        try:
            post(series_id)
            away = False
        except (urllib.error.URLError, OSError) as error:
            if not away:
                orthanc.LogWarning("lungcad was not notified (%s); it will read the change log" % type(error).__name__)
            away = True


def on_change(change_type, _level, resource_id):
    """Orthanc's callback: returns at once."""
    if change_type == orthanc.ChangeType.STABLE_SERIES:
        try:
            waiting.put_nowait(resource_id)
        except queue.Full:
            pass
    elif change_type == orthanc.ChangeType.ORTHANC_STOPPED:
        try:
            waiting.put_nowait(None)
        except queue.Full:
            pass


if URL:
    threading.Thread(target=post_notices, name="lungcad-notices", daemon=True).start()
    orthanc.RegisterOnChangeCallback(on_change)
else:
    orthanc.LogWarning("LUNGCAD_NOTIFY_URL is not set: lungcad will find new series in the change log only")
