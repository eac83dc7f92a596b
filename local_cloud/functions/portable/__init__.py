"""Modules that workers load on systems for which AWS ships no native ones; never imported by the local cloud."""
