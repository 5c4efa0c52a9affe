"""F2: the head of a network as an object: weights on standardised features, their scaler and their names."""

from clearhead.head.attach import attach, export_onnx
from clearhead.head.edit import Edit, apply_edits, read_edits, write_edits
from clearhead.head.sparse_head import SparseHead

__all__ = ["Edit", "SparseHead", "apply_edits", "attach", "export_onnx", "read_edits", "write_edits"]
