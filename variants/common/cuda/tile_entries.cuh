#pragma once

#include <cstdint>
#include <type_traits>

#include "variants/common/cuda/mma_attention.cuh"
#include "variants/common/cuda/simt_attention.cuh"

namespace attest::cuda {

/// SimtAttention for f32, MmaAttention for bf16 and f16, of the shape for head dims to Width.
template <class Element, int Width>
using TileShape = std::conditional_t<sizeof(Element) == 4, SimtShapeFor<Width>, MmaShapeFor<Width>>;
template <class Element, int Width, bool Packed, class Pairs, class View = BandView>
using TileAttention = std::conditional_t<sizeof(Element) == 4, SimtAttention<SimtShapeFor<Width>, Packed, Pairs, View>,
                                         MmaAttention<Element, MmaShapeFor<Width>, Packed, Pairs, View>>;

/// The body of an entry.
template <class Element, int Width, bool Packed, class Pairs, class View = BandView>
__device__ __forceinline__ void attend_tiles(
    const AttentionParams& p, const typename TileAttention<Element, Width, Packed, Pairs, View>::Tensors& tensors,
    const Pairs& pairs, const View& view = {}) {
  extern __shared__ __align__(1024) unsigned char memory[];
  TileAttention<Element, Width, Packed, Pairs, View>(p, tensors, pairs, memory, view).run();
}

}  // namespace attest::cuda

/// One entry over the tensors of attention_arguments(); `pairs` and `view` are made of its parameters. Behind `view`
/// stand the last parameters: float* lse, and those that are the variant's own.
#define ATTEST_TILE_ENTRY(name, Element, width, packed, pairs, view, ...)                                \
  extern "C" __global__ void __launch_bounds__(attest::cuda::TileShape<Element, width>::threads, 1)      \
      name(attest::cuda::AttentionParams p, const Element* q, const Element* k, const Element* v,        \
           [[maybe_unused]] const std::uint8_t* mask, [[maybe_unused]] const float* bias,                \
           const std::int64_t* kv_lengths, Element* out, __VA_ARGS__) {                                  \
    attest::cuda::attend_tiles<Element, width, packed>(p, {q, k, v, kv_lengths, out, lse}, pairs, view); \
  }

/// What tile_plan() launches where the variant has no parameters of its own: `name`, and `name`_pairs.
#define ATTEST_TILE_ENTRIES(name, Element, width, packed)                                                        \
  ATTEST_TILE_ENTRY(name, Element, width, packed, attest::cuda::NoPairs{}, attest::cuda::BandView{}, float* lse) \
  ATTEST_TILE_ENTRY(name##_pairs, Element, width, packed, (attest::cuda::PairTensors{mask, bias}),               \
                    attest::cuda::BandView{}, float* lse)

/// `entries`(suffix, Element, width) for head dims to 128, and that for every type.
#define ATTEST_TILE_WIDTHS(entries, suffix, Element) \
  entries(suffix, Element, 32) entries(suffix, Element, 64) entries(suffix, Element, 128)
#define ATTEST_TILE_TYPES(entries)                          \
  ATTEST_TILE_WIDTHS(entries, f32, float)                   \
  ATTEST_TILE_WIDTHS(entries, bf16, attest::cuda::BFloat16) \
  ATTEST_TILE_WIDTHS(entries, f16, attest::cuda::Half)
