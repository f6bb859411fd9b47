"""What flash-attn's setup.py imports, none of which it uses when it builds nothing."""
BuildExtension = CppExtension = CUDAExtension = object
CUDA_HOME = ROCM_HOME = None
IS_HIP_EXTENSION = False
