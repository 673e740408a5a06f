{
    "name": "Meter of requests",
    "summary": "Says in each answer what its request took; loaded server-wide by dev/bench",
    "version": "19.0.1.0.0",
    "category": "Hidden",
    "license": "LGPL-3",
    "author": "Odoo Community Association (OCA)",
    "website": "https://github.com/OCA/server-auth",
    "depends": ["base"],
}
