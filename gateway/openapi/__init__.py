"""Generates the OpenAPI document of the REST API, and the tables of the documentation that come from it.

Sources: the protos with their comments, the tables of request parameters, the error table, and the tables and samples
of the documentation.
"""
