// The table of handlers. Included once by each memory_handlers_<isa>.cpp, after the handlers.

namespace attest::emulator::ATTEST_ISA {

template <unsigned Element>
constexpr void fill_element(MemoryHandlers& table, int index) {
  const auto fill = [&](auto vector, int length) {
    constexpr unsigned count = decltype(vector)::value;
    if constexpr (Element * count <= 16) {
      table.load_global[0][index][length] = table.load_global[1][index][length] = load_global<Element, count>;
      table.store_global[0][index][length] = table.store_global[1][index][length] = store_global<Element, count>;
      table.load_shared[0][index][length] = load_shared<Element, count, Access::plain>;
      table.load_shared[1][index][length] = load_shared<Element, count, Access::strong>;
      table.store_shared[0][index][length] = store_shared<Element, count, Access::plain>;
      table.store_shared[1][index][length] = store_shared<Element, count, Access::strong>;
      table.load_generic[0][index][length] = load_generic<Element, count, Access::plain>;
      table.load_generic[1][index][length] = load_generic<Element, count, Access::strong>;
      table.store_generic[0][index][length] = store_generic<Element, count, Access::plain>;
      table.store_generic[1][index][length] = store_generic<Element, count, Access::strong>;
    }
  };
  fill(std::integral_constant<unsigned, 1>(), 0);
  fill(std::integral_constant<unsigned, 2>(), 1);
  fill(std::integral_constant<unsigned, 4>(), 2);
}

constexpr MemoryHandlers make_table() {
  MemoryHandlers table{};
  fill_element<1>(table, 0);
  fill_element<2>(table, 1);
  fill_element<4>(table, 2);
  fill_element<8>(table, 3);
  const auto fill_matrices = [&](auto matrices, int index) {
    constexpr unsigned count = decltype(matrices)::value;
    table.load_matrix[index][0] = load_matrix<count, false, false>;
    table.load_matrix[index][1] = load_matrix<count, true, false>;
    table.load_matrix_generic[index][0] = load_matrix<count, false, true>;
    table.load_matrix_generic[index][1] = load_matrix<count, true, true>;
    table.store_matrix[index][0] = store_matrix<count, false>;
    table.store_matrix[index][1] = store_matrix<count, true>;
  };
  fill_matrices(std::integral_constant<unsigned, 1>(), 0);
  fill_matrices(std::integral_constant<unsigned, 2>(), 1);
  fill_matrices(std::integral_constant<unsigned, 4>(), 2);
  table.move_matrix = move_matrix;
  table.copy_async = copy_async<false>;
  table.copy_async_cg = copy_async<true>;
  return table;
}

const MemoryHandlers& memory_handlers() {
  static constexpr MemoryHandlers table = make_table();
  return table;
}

}  // namespace attest::emulator::ATTEST_ISA
