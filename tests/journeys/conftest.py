"""What every journey through the browser shares."""

from playwright.sync_api import expect

# A test waits as long as a busy machine needs. How quick the portal is, `make bench` measures.
expect.set_options(timeout=20_000)
