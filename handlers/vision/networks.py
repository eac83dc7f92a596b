"""Neural networks: what the code around them expects of one, and ONNX files run by onnxruntime on the processor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

_MAX_THREADS = 6  # as many vCPUs as the largest Lambda has
_ONLY_ERRORS = 3


class Network(Protocol):
    """A network with one input and one output."""

    def __call__(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Run the network on a batch."""
        ...


class OnnxNetwork:
    """A network of an ONNX file; of its outputs the first counts.

    Args:
        path: The ONNX file.
    """

    def __init__(self, path: Path) -> None:
        # Imported here so that the code around the networks can be tested without it.
        import onnxruntime

        onnxruntime.set_default_logger_severity(_ONLY_ERRORS)
        options = onnxruntime.SessionOptions()
        # An explicit number also keeps onnxruntime from pinning threads to processors, which Lambda forbids.
        options.intra_op_num_threads = max(1, min(_MAX_THREADS, os.cpu_count() or 1))
        options.inter_op_num_threads = 1
        options.log_severity_level = _ONLY_ERRORS
        # Inputs differ in size, and the arena would keep the memory of the largest for ever.
        options.enable_cpu_mem_arena = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    def __call__(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Run the network on a batch and return its first output."""
        output: npt.NDArray[np.float32] = self._session.run([self._output], {self._input: batch})[0]
        return output

    @property
    def metadata(self) -> dict[str, str]:
        """The texts stored in the file beside the network, by name."""
        return dict(self._session.get_modelmeta().custom_metadata_map)
