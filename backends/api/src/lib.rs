//! What a gateway asks of storage: the trait, its contracts, the memory backend, the conformance suite.
