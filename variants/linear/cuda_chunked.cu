// out[i] = (phi(q[i]) S + sum_j phi(q[i]).phi(k[j]) v[j]) / (phi(q[i]).z + sum_j phi(q[i]).phi(k[j]) + eps)
//   S, z: state of the keys before the chunk; j: keys of the chunk that row i sees
// Source: Katharopoulos et al. 2020, arXiv:2006.16236; chunks: Hua et al. 2022, arXiv:2202.10447, section 3.3
// Split:  add_chunks: one block per (b, h of the keys, chunk of 64 keys, 64 x 64 of the state);
//         carry_states: one thread per number of the state, along the chunks;
//         read_states: one block per (b, h, chunk of 64 query rows)
// Memory: q tile, pairs and one operand in shared; states in workspace, d*dv + d floats a chunk
// Cost:   2*d*dv flops a key and a query row, 2*(d+dv) a pair inside a chunk
// Limits: head dims multiples of 8 to 256; f32, bf16, f16 in memory, f32 inside
//
// Chunks of keys are cut so that a boundary lies at the key of a chunk's first row, whatever the offset: then row r of
// a chunk sees the keys 0 .. r of its own chunk of keys, and the state holds all before.

#include "variants/common/cuda/four_elements.cuh"
#include "variants/common/cuda/transposed_tile.cuh"
#include "variants/linear/cuda_chunked.hpp"

namespace attest::linear {
namespace {

using namespace attest::cuda;

static_assert(device_chunk == tile_outer && device_threads == 256);

__device__ float feature(float x) {
  return x < 0.0f ? expf(x) : x + 1.0f;  // elu(x) + 1 without the cancellation; NaN stays
}

struct Features {
  __device__ float4 operator()(float4 x) const { return {feature(x.x), feature(x.y), feature(x.z), feature(x.w)}; }
};

/// Where the keys of one batch entry lie against the chunks.
struct KeyChunks {
  int length;  ///< keys of the entry
  int shift;   ///< chunk m begins at key m * device_chunk - shift
  int ahead;   ///< chunk of keys that chunk 0 of the query rows ends in; may be negative
  int count;   ///< chunks that hold a key

  __device__ KeyChunks(const ChunkedShape& shape, const long long* lengths, int batch) {
    length = shape.seq_kv;
    if (lengths != nullptr) length = static_cast<int>(max(0ll, min(lengths[batch], static_cast<long long>(length))));
    const int offset = shape.offset + (shape.offset_follows_length != 0 ? length : 0);
    shift = shape.causal != 0 ? (device_chunk - offset % device_chunk) % device_chunk : 0;
    ahead = (offset + shift) / device_chunk;
    count = length > 0 ? (length + shift + device_chunk - 1) / device_chunk : 0;
  }

  /// States that chunk `chunk` of the query rows reads.
  __device__ int states_before(const ChunkedShape& shape, int chunk) const {
    return shape.causal != 0 ? max(0, min(chunk + ahead, count)) : count;
  }
};

template <class T>
__device__ const T* head_rows(const T* tensor, int batch, int heads, int head, int rows, int width) {
  return tensor + (static_cast<long long>(batch) * heads + head) * rows * width;
}

__device__ long long state_place(const ChunkedShape& shape, int batch, int head_kv, int chunk) {
  return ((static_cast<long long>(batch) * shape.heads_kv + head_kv) * shape.state_chunks + chunk) * shape.state_floats;
}

/// states[chunk] = sum of phi(k) v^T and of phi(k) over the keys of one chunk.
template <class T>
__device__ void add_chunks(const T* k, const T* v, const long long* lengths, float* states, const ChunkedShape& shape) {
  __shared__ float4 key_memory[device_chunk * 16];    // phi(k): 64 keys x 64 dims
  __shared__ float4 value_memory[device_chunk * 16];  // v: 64 keys x 64 dims
  float* keys = reinterpret_cast<float*>(key_memory);
  float* values = reinterpret_cast<float*>(value_memory);
  const int batch = blockIdx.z;
  const int head = blockIdx.y;
  const int tiles_v = (shape.dims_v + device_chunk - 1) / device_chunk;
  const int tiles = (shape.dims + device_chunk - 1) / device_chunk * tiles_v;
  const int chunk = blockIdx.x / tiles;
  const int first_dim = blockIdx.x % tiles / tiles_v * device_chunk;
  const int first_column = blockIdx.x % tiles_v * device_chunk;
  const KeyChunks place(shape, lengths, batch);
  // The states behind the last row's chunk are read by no one.
  if (chunk >= place.states_before(shape, (shape.seq_q - 1) / device_chunk)) return;

  const int first_key = chunk * device_chunk - place.shift;
  load_straight<device_threads>(keys, head_rows(k, batch, shape.heads_kv, head, shape.seq_kv, shape.dims), first_key,
                                place.length, first_dim, shape.dims, Features{});
  load_straight<device_threads>(values, head_rows(v, batch, shape.heads_kv, head, shape.seq_kv, shape.dims_v),
                                first_key, place.length, first_column, shape.dims_v, Unchanged{});
  __syncthreads();

  float* state = states + state_place(shape, batch, head, chunk);
  const int dim = threadIdx.x / 16 * 4;     // of the tile
  const int column = threadIdx.x % 16 * 4;  // of the tile
  float sums[4][4] = {};
#pragma unroll 8
  for (int key = 0; key < device_chunk; ++key) {
    add_outer_product(sums, read_straight(keys, key, dim), read_straight(values, key, column));
  }
  if (first_dim + dim < shape.dims && first_column + column < shape.dims_v) {
    float* to = state + (first_dim + dim) * shape.dims_v + first_column + column;
#pragma unroll
    for (int i = 0; i < 4; ++i, to += shape.dims_v)
      store_four(to, {sums[i][0], sums[i][1], sums[i][2], sums[i][3]});
  }
  if (first_column == 0 && threadIdx.x < device_chunk && first_dim + threadIdx.x < shape.dims) {
    float sum = 0.0f;
    for (int key = 0; key < device_chunk; ++key)
      sum += keys[key * device_chunk + threadIdx.x];
    state[shape.dims * shape.dims_v + first_dim + threadIdx.x] = sum;
  }
}

/// states[chunk] = sum of the states 0 .. chunk.
__device__ void carry_states(const long long* lengths, float* states, const ChunkedShape& shape) {
  const int batch = blockIdx.z;
  const int number = (blockIdx.x * device_threads + threadIdx.x) * 4;
  const int floats = shape.state_floats;
  if (number >= floats) return;
  const KeyChunks place(shape, lengths, batch);
  const int count = place.states_before(shape, (shape.seq_q - 1) / device_chunk);
  float* state = states + state_place(shape, batch, blockIdx.y, 0) + number;
  float4 sum{0.0f, 0.0f, 0.0f, 0.0f};
  for (int chunk = 0; chunk < count; ++chunk, state += floats) {
    const float4 own = load_four(state);
    sum = {sum.x + own.x, sum.y + own.y, sum.z + own.z, sum.w + own.w};
    store_four(state, sum);
  }
}

/// pairs[key][row] = phi(q).phi(k), 0 where the row does not see the key; row_sums[row] is their sum.
template <class T>
__device__ void weigh_pairs(float* pairs, float* row_sums, float* operand, const float* queries, const T* keys,
                            int first_key, int length, const ChunkedShape& shape) {
  const int row = threadIdx.x / 16 * 4;
  const int key = threadIdx.x % 16 * 4;
  float sums[4][4] = {};
  for (int first = 0; first < shape.dims; first += device_chunk) {
    const int end = min(first + device_chunk, shape.dims);
    __syncthreads();
    load_transposed<device_threads>(operand, keys, first_key, length, first, end, shape.dims, Features{});
    __syncthreads();
#pragma unroll 8
    for (int dim = first; dim < end; ++dim)
      add_outer_product(sums, read_transposed(queries, dim, row), read_transposed(operand, dim - first, key));
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    float sum = 0.0f;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int position = first_key + key + j;
      if (key + j > row + i || position < 0 || position >= length) sums[i][j] = 0.0f;
      sum += sums[i][j];
    }
#pragma unroll
    for (int distance = 8; distance > 0; distance /= 2)
      sum += __shfl_xor_sync(0xffffffffu, sum, distance);
    if (key == 0) row_sums[row + i] = sum;
  }
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const int place = transposed_at(key + j, row);
    *reinterpret_cast<float4*>(pairs + place) = {sums[0][j], sums[1][j], sums[2][j], sums[3][j]};
  }
}

/// The rows of one chunk, from the state before it and, when causal, the pairs inside it.
template <class T>
__device__ void read_states(const T* q, const T* k, const T* v, const long long* lengths, const float* states, T* out,
                            const ChunkedShape& shape) {
  extern __shared__ float4 memory[];
  __shared__ float row_sums[device_chunk];   // phi(q).phi(k) over the pairs
  __shared__ float shares[4][device_chunk];  // phi(q).z by quarters of the dims
  __shared__ float denominators[device_chunk];
  float* operand = reinterpret_cast<float*>(memory);       // 64 x 64 of keys, values or the state
  float* queries = operand + device_chunk * device_chunk;  // phi(q): dims x 64 rows
  float* pairs = queries + shape.dims * device_chunk;      // 64 keys x 64 rows; causal alone

  const int batch = blockIdx.z;
  const int head = blockIdx.y;
  const int head_kv = head / (shape.heads_q / shape.heads_kv);
  const int chunk = blockIdx.x;
  const KeyChunks place(shape, lengths, batch);
  const int before = place.states_before(shape, chunk);
  const int own_keys = shape.causal != 0 ? chunk + place.ahead : -1;  // the chunk of keys that rows see in part
  const bool has_pairs = own_keys >= 0 && own_keys < place.count;
  const int first_key = own_keys * device_chunk - place.shift;
  const int first_row = chunk * device_chunk;
  const float* state = states + state_place(shape, batch, head_kv, max(before - 1, 0));

  load_transposed<device_threads>(queries, head_rows(q, batch, shape.heads_q, head, shape.seq_q, shape.dims), first_row,
                                  shape.seq_q, 0, shape.dims, shape.dims, Features{});
  if (has_pairs) {
    weigh_pairs(pairs, row_sums, operand, queries,
                head_rows(k, batch, shape.heads_kv, head_kv, shape.seq_kv, shape.dims), first_key, place.length, shape);
  }
  __syncthreads();
  const int own_row = threadIdx.x % device_chunk;
  float share = 0.0f;
  if (before > 0) {
    for (int dim = threadIdx.x / device_chunk; dim < shape.dims; dim += 4)
      share = fmaf(queries[transposed_at(dim, own_row)], state[shape.dims * shape.dims_v + dim], share);
  }
  shares[threadIdx.x / device_chunk][own_row] = share;
  __syncthreads();
  if (threadIdx.x < device_chunk) {
    const float sum = shares[0][own_row] + shares[1][own_row] + shares[2][own_row] + shares[3][own_row] +
                      (has_pairs ? row_sums[own_row] : 0.0f) + shape.eps;
    // A denominator of 0 is a row without a key, or whose features all underflowed: its sums are 0 and stay so.
    denominators[own_row] = sum == 0.0f ? 1.0f : sum;
  }

  const int row = threadIdx.x / 16 * 4;
  const int lane_column = threadIdx.x % 16 * 4;
  const int keys = has_pairs ? min(device_chunk, place.length - first_key) : 0;
  for (int first = 0; first < shape.dims_v; first += device_chunk) {
    float sums[4][4] = {};
    for (int dim = 0; before > 0 && dim < shape.dims; dim += device_chunk) {
      __syncthreads();
      load_straight<device_threads>(operand, state, dim, shape.dims, first, shape.dims_v, Unchanged{});
      __syncthreads();
      const int end = min(device_chunk, shape.dims - dim);
#pragma unroll 8
      for (int inner = 0; inner < end; ++inner) {
        add_outer_product(sums, read_transposed(queries, dim + inner, row), read_straight(operand, inner, lane_column));
      }
    }
    __syncthreads();
    if (has_pairs) {
      load_straight<device_threads>(operand, head_rows(v, batch, shape.heads_kv, head_kv, shape.seq_kv, shape.dims_v),
                                    first_key, place.length, first, shape.dims_v, Unchanged{});
      __syncthreads();
      // Keys that all four rows see, then those that the later rows see: a value that a row does not see is never
      // multiplied, since 0 * NaN is NaN.
      for (int key = 0; key < min(row + 1, keys); ++key) {
        add_outer_product(sums, read_transposed(pairs, key, row), read_straight(operand, key, lane_column));
      }
#pragma unroll
      for (int j = 1; j < 4; ++j) {
        if (row + j >= keys) break;
        const float4 weights = read_transposed(pairs, row + j, row);
        const float4 value = read_straight(operand, row + j, lane_column);
        const float weight[4] = {weights.x, weights.y, weights.z, weights.w};
#pragma unroll
        for (int i = j; i < 4; ++i) {
          sums[i][0] = fmaf(weight[i], value.x, sums[i][0]);
          sums[i][1] = fmaf(weight[i], value.y, sums[i][1]);
          sums[i][2] = fmaf(weight[i], value.z, sums[i][2]);
          sums[i][3] = fmaf(weight[i], value.w, sums[i][3]);
        }
      }
    }
    if (first + lane_column >= shape.dims_v) continue;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (first_row + row + i >= shape.seq_q) break;
      const float divisor = denominators[row + i];
      T* to = out +
              (static_cast<long long>(batch * shape.heads_q + head) * shape.seq_q + first_row + row + i) * shape.dims_v;
      store_four(to + first + lane_column,
                 {sums[i][0] / divisor, sums[i][1] / divisor, sums[i][2] / divisor, sums[i][3] / divisor});
    }
  }
}

}  // namespace

#define ATTEST_ENTRIES(suffix, T)                                                                                      \
  extern "C" __global__ void __launch_bounds__(device_threads)                                                         \
      add_chunks_##suffix(const T* k, const T* v, const long long* lengths, float* states, ChunkedShape shape) {       \
    add_chunks(k, v, lengths, states, shape);                                                                          \
  }                                                                                                                    \
  extern "C" __global__ void __launch_bounds__(device_threads) read_states_##suffix(                                   \
      const T* q, const T* k, const T* v, const long long* lengths, const float* states, T* out, ChunkedShape shape) { \
    read_states(q, k, v, lengths, states, out, shape);                                                                 \
  }

ATTEST_ENTRIES(f32, float)
ATTEST_ENTRIES(bf16, BFloat16)
ATTEST_ENTRIES(f16, Half)
#undef ATTEST_ENTRIES

extern "C" __global__ void __launch_bounds__(device_threads)
    carry_states_f32(const long long* lengths, float* states, ChunkedShape shape) {
  carry_states(lengths, states, shape);
}

}  // namespace attest::linear
