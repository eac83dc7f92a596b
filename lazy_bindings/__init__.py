"""Loads the AWS provider's bindings on demand, so that a synth costs what its stack uses.

Importing any one module of `cdktf_cdktf_provider_aws` normally imports all 2,212 of them and makes jsii
read a 130 MB description of their types. After `install()` the same import statements give the same
classes, but only what is named gets loaded:

1. `_imports` stands in Python's import system. It answers for the provider's root module, which no longer
   imports everything, and for its `_jsii` module, which hands the provider's archive to jsii. `_namespaces`
   loads the modules with the resources, without what they do and need not.
2. jsii gets a repacked archive: the services that serverless stacks use, without documentation, with the
   index through which jsii reads types. The import of any other resource replaces it, once, by one that
   holds the whole provider in the same form.
3. `_package` repacks, `_store` keeps the results in the user's cache directory. There are at most two for
   a provider version, whatever a stack imports.
4. `_background` has jsii start Node and load packages in a thread, while Python goes on importing.
   `_one_process` is one process of Node's in place of two, and does not wait for what `_ahead` is sure of.

Nothing of jsii or cdktf is patched; jsii's kernel gets another object for its process, derived from its
own, and the provider's modules other functions by which they check types. If anything is not as tested, jsii gets the provider's own archive, after one line on
stderr. `docs/decisions/0003-lazy-provider-bindings.md` says what this relies on and how to remove it.
"""

from lazy_bindings._imports import install

__all__ = ["install"]
