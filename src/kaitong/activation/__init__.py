"""Activation (激活): network elements, adapters, stored exchanges, proofs."""
