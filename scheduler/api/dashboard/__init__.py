"""The dashboard at `/-/ui/`: static files, and a little JSON that only they ask for.

    /-/ui/            static/index.html
    /-/ui/…           static/ and vendor/, from memory
    /-/ui/data/…      statistics, jobs of all users, what a bulk abort would meet, leases

Whatever changes something goes through the public API, as JSON. Nothing is built: the browser runs
`static/*.js` as they are, on the libraries in `vendor/`, and loads nothing from anywhere else. What
stands in `data/` may change with any version and is not described in the OpenAPI document.
"""

from scheduler.api.dashboard.routes import DASHBOARD, add_dashboard, page

__all__ = ["DASHBOARD", "add_dashboard", "page"]
