# The libFuzzer targets, built instead of everything else: cmake --preset fuzz; cmake --build --preset fuzz; then
# build/fuzz/fuzz_parse -dict=tests/ptx/fuzz/ptx.dict -rss_limit_mb=4096 -max_total_time=600 CORPUS tests/ptx/fuzz/seeds
# build/fuzz/fuzz_program -len_control=0 -max_len=200 -rss_limit_mb=4096 -max_total_time=600 CORPUS
# A program takes some 100 bytes; without -len_control=0 libFuzzer spends its minutes on programs of an instruction or two.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "ATTEST_FUZZ needs libFuzzer, hence clang, but the compiler is ${CMAKE_CXX_COMPILER_ID}; "
    "use cmake --preset fuzz, or set CMAKE_CXX_COMPILER=clang++")
endif()
find_package(fmt REQUIRED)
find_package(Threads REQUIRED)
include(AttestTargets)

attest_add_module(emulator harness/backends/emulator LINKS fmt::fmt)
target_compile_options(attest_emulator PRIVATE -ffp-contract=off -fno-math-errno -fno-trapping-math)

file(GLOB fuzz_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/ptx/fuzz/*_fuzz.cpp)
foreach(source IN LISTS fuzz_sources)
  cmake_path(GET source STEM name)
  string(REGEX REPLACE "_fuzz$" "" name ${name})
  add_executable(fuzz_${name} ${source})
  target_link_libraries(fuzz_${name} PRIVATE attest::emulator attest::options)
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
endforeach()
