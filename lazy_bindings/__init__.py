"""Import finder that loads the AWS provider's bindings on demand, so that a synth costs what its stack uses.

Importing any module of `cdktf_cdktf_provider_aws` normally imports all 2,212 of them, and jsii reads a 130 MB
description of their types. After `install()` the same import statements return the same classes, but only the
modules that they name are loaded:

1. `_imports` is a finder in `sys.meta_path`. It supplies the loader of the provider's root module, which no longer
   imports everything, and of its `_jsii` module, which passes the provider's archive to jsii.
2. `_package` repacks that archive: the services that serverless stacks use, without documentation, with the index
   through which jsii reads types. Importing any other namespace replaces it, once, by one with the whole provider.
3. `_store` caches the archives in the user's cache directory. There are at most two for a provider version.
4. `_kernel` chooses the archive that jsii loads, and falls back to the provider's own.
5. `startup/` goes into site-packages. Its hook installs the finder when jsii or the provider is first imported, in any
   order of imports.
6. `node` says in one sentence that Node.js is missing, where jsii would print a traceback.

The import system and `importlib.resources` are used as Python documents them; nothing of jsii, cdktf, typeguard or
typing is replaced. If the installation is not the tested one, jsii gets the provider's own archive, after one line on
stderr. `lazy_bindings/README.md` lists what this relies on and how to remove it.
"""

from lazy_bindings._imports import install

__all__ = ["install"]
