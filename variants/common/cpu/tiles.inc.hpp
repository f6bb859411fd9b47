#pragma once

#include "variants/common/cpu/pack.inc.hpp"
#include "variants/common/cpu/products.inc.hpp"
#include "variants/common/cpu/softmax.inc.hpp"
#include "variants/common/cpu/store.inc.hpp"
#include "variants/common/cpu/stream.inc.hpp"
#include "variants/common/cpu/vector.inc.hpp"

#if defined(ATTEST_TILES_PAIRS)
#include "variants/common/cpu/pairs.inc.hpp"
#endif

#define ATTEST_TILES_TEXT_OF(name) #name
#define ATTEST_TILES_TEXT(name) ATTEST_TILES_TEXT_OF(name)

namespace attest::tiles::ATTEST_TILES_ISA {

static_assert(row_block <= max_row_block && tile_keys % panel == 0 && score_stride % width == 0);

extern const Microkernels microkernels;
const Microkernels microkernels {
  .name = ATTEST_TILES_TEXT(ATTEST_TILES_ISA), .row_block = row_block, .panel = panel, .vector_floats = width,
  .products = {.pack_queries = pack_queries,
               .pack_keys = pack_keys,
               .pack_values = pack_values,
               .scores = scores,
               .accumulate = accumulate},
#if defined(ATTEST_TILES_PAIRS)
  .pairs = &pair_products,
#else
  .pairs = nullptr,
#endif
  .soften = soften, .soften_strip = soften_strip, .exp2 = exp2, .multiply = multiply, .softcap = softcap,
  .dropout = dropout, .store = store_row, .stream_column = stream_column, .stream_scores = stream_scores,
  .stream_accumulate = stream_accumulate,
};

}  // namespace attest::tiles::ATTEST_TILES_ISA
