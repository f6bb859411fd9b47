#pragma once

namespace attest {

/// OpenBLAS picks its products by the CPU's model number as it is loaded; of a model newer than itself it takes those
/// for SSE3, an eighth of the speed, and every speed-up over it would mean nothing. Where that happened, this starts
/// the program anew with OPENBLAS_CORETYPE set to the code for the CPU's instruction sets; else, and where the variable
/// is set already, it does nothing.
void mend_blas_core(char** arguments);

}  // namespace attest
