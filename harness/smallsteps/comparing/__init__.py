"""The one engine behind every number of a report: pairing, seeds, clusters, suites, families, statements."""
