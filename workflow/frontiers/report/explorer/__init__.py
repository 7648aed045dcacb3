"""The interactive page: `page` fills `page.html.jinja`, with Vega charts (`charts`) and tables (`tables`)."""
