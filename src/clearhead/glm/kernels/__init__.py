"""Compiled inner loops for CPU data with few outputs: vector code through LLVM, two rows of registers wide.

Each kernel has a plain torch counterpart that the rest of the package uses where these do not apply (CUDA, many
outputs, small data where compiling would cost more than it saves).
"""
