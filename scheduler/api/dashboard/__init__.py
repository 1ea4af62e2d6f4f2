"""The dashboard at `/-/ui/`: static files, and some JSON that only they request.

    /-/ui/            static/index.html
    /-/ui/…           static/ and vendor/, from memory
    /-/ui/data/…      statistics, the extent of a bulk abort, heartbeats

    routes      the paths above
    files       serves static/ and vendor/
    data        the views below `/-/ui/data/`
    documents   the statistics as JSON

The page changes something only through the public API. There is no build step: the browser runs
`static/**/*.js` as they are, on the libraries in `vendor/`, and loads nothing from elsewhere. The
JSON below `data/` may change with any version and is not in the OpenAPI document.
"""

from scheduler.api.dashboard.routes import DASHBOARD, add_dashboard, dashboard_paths, page

__all__ = ["DASHBOARD", "add_dashboard", "dashboard_paths", "page"]
