"""The resource commands' shared machinery: documents in, outcomes and answers out, one module a kind."""
