"""The HTTP side: everything that knows aiohttp, and nothing that knows SQL, Redis or processes.

    request ─▶ telemetry ─▶ problems ─▶ routes ─▶ a view ─▶ service
                              ▲                     │
              errors as RFC 9457 problems           ├─ reading: bodies, json_text, checking, models
                                                    └─ writing: render

`routes.ROUTES` is the table of what there is; the aiohttp routes and the OpenAPI document are both
made from it. The models that check a request are the ones the document shows. `hooks` is the
other direction: what handlers tell goes out from there.
"""
