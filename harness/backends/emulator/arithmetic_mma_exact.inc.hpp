// mma.sync of integers and of doubles, element by element: their sums are exact, or rounded once a step of k.

// Integers of 8 or 4 bits, along k in a word, for 8 or 16 rows. Lane 4 * row + k of a fragment holds a row's word k; of
// A the rows from 8 on come in every other register.
template <int bits, bool is_signed>
ATTEST_INLINE std::int32_t integer_part(std::uint32_t word, int index) {
  const std::uint32_t top = word << (32 - bits * (index + 1));
  return is_signed ? static_cast<std::int32_t>(top) >> (32 - bits) : static_cast<std::int32_t>(top >> (32 - bits));
}
template <int rows, int bits, int depth, bool a_signed, bool b_signed, bool saturate>
void multiply_integers(const Instruction& instruction, Warp& warp, Mask active) {
  if (active != all_lanes) fail_absent_member(all_lanes, active, __builtin_ctz(active), "mma.sync");
  constexpr int parts = 32 / bits;
  constexpr int blocks = depth / (4 * parts);
  constexpr int sums = rows / 4;
  constexpr int tall = rows / 8;
  const auto source = [&](int operand) { return warp.source_as<std::uint32_t>(instruction.operand[operand]); };
  std::uint32_t result[sums][warp_lanes];
  for (int row = 0; row < rows; ++row)
    for (int column = 0; column < 8; ++column) {
      const int place = row / 8 * 2 + column % 2;
      const int lane = row % 8 * 4 + column / 2;
      std::int64_t sum = static_cast<std::int32_t>(source(sums + (tall + 1) * blocks + place)[lane]);
      for (int block = 0; block < blocks; ++block) {
        const std::uint32_t* a = source(sums + tall * block + row / 8) + row % 8 * 4;
        const std::uint32_t* b = source(sums + tall * blocks + block) + column * 4;
        for (int k = 0; k < 4 * parts; ++k)
          sum += integer_part<bits, a_signed>(a[k / parts], k % parts) *
                 integer_part<bits, b_signed>(b[k / parts], k % parts);
      }
      if constexpr (saturate) {
        constexpr std::int64_t low = std::numeric_limits<std::int32_t>::min();
        constexpr std::int64_t high = std::numeric_limits<std::int32_t>::max();
        sum = sum < low ? low : sum > high ? high : sum;
      }
      result[place][lane] = static_cast<std::uint32_t>(sum);
    }
  for (int place = 0; place < sums; ++place)
    __builtin_memcpy(warp.destination<std::uint32_t>(instruction.operand[place]), result[place], sizeof result[place]);
}

// Doubles, 8 rows and columns, k of 4: an fma a step.
inline void multiply_doubles(const Instruction& instruction, Warp& warp, Mask active) {
  if (active != all_lanes) fail_absent_member(all_lanes, active, __builtin_ctz(active), "mma.sync");
  const auto source = [&](int operand) { return warp.source_as<std::uint64_t>(instruction.operand[operand]); };
  const std::uint64_t* const a = source(2);
  const std::uint64_t* const b = source(3);
  std::uint64_t result[2][warp_lanes];
  for (int lane = 0; lane < warp_lanes; ++lane)
    for (int place = 0; place < 2; ++place) {
      double sum = as_double(source(4 + place)[lane]);
      const int column = lane % 4 * 2 + place;
      for (int k = 0; k < 4; ++k)
        sum = __builtin_fma(as_double(a[lane / 4 * 4 + k]), as_double(b[column * 4 + k]), sum);
      result[place][lane] = F64::store(sum);
    }
  for (int place = 0; place < 2; ++place)
    __builtin_memcpy(warp.destination<std::uint64_t>(instruction.operand[place]), result[place], sizeof result[place]);
}

template <int rows, int bits, int depth>
ATTEST_DESCRIBES void add_multiply_integers(FormSink& sink, const char* shape) {
  constexpr std::span<const OperandForm> operands_here = [] {
    if constexpr (rows == 8)
      return operands<mma_d, mma_d, mma_a, mma_b, mma_c, mma_c>;
    else
      return mma_operands<false, depth * bits / 128>();
  }();
  each_value<false, true>([&]<bool a_signed>() {
    each_value<false, true>([&]<bool b_signed>() {
      each_value<false, true>([&]<bool saturate>() {
        const char* const a = bits == 8 ? (a_signed ? "s8" : "u8") : (a_signed ? "s4" : "u4");
        const char* const b = bits == 8 ? (b_signed ? "s8" : "u8") : (b_signed ? "s4" : "u4");
        sink.add({"mma.sync.aligned", shape, "row.col", saturate ? "satfinite" : "", "s32", a, b, "s32"}, operands_here,
                 {.run = multiply_integers<rows, bits, depth, a_signed, b_signed, saturate>,
                  .kind = Class::tensor,
                  .warp_flops = 2 * rows * 8 * depth,
                  .gathers = true,
                  .reads_first = true});
      });
    });
  });
}

ATTEST_DESCRIBES void add_exact_mma(FormSink& sink) {
  add_multiply_integers<8, 8, 16>(sink, "m8n8k16");
  add_multiply_integers<16, 8, 16>(sink, "m16n8k16");
  add_multiply_integers<16, 8, 32>(sink, "m16n8k32");
  add_multiply_integers<8, 4, 32>(sink, "m8n8k32");
  add_multiply_integers<16, 4, 32>(sink, "m16n8k32");
  add_multiply_integers<16, 4, 64>(sink, "m16n8k64");
  constexpr OperandForm d = in_group(out<F64>(), 1);
  constexpr OperandForm c = in_group(in<F64>(), 4);
  sink.add({"mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64"},
           operands<d, d, in_group(in<F64>(), 2), in_group(in<F64>(), 3), c, c>,
           {.run = multiply_doubles,
            .kind = Class::tensor,
            .warp_flops = 2 * 8 * 8 * 4,
            .gathers = true,
            .reads_first = true});
}
