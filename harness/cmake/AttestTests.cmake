# tests/<group>/*.cpp is one Boost.Test program a group; variants/<name>/test.cpp is one a variant. A test that takes more
# than a few seconds is labelled slow: ctest -LE slow runs the default ones.
find_package(Boost REQUIRED COMPONENTS unit_test_framework)
find_package(rapidcheck REQUIRED)
find_program(ATTEST_PYTHON NAMES python3 HINTS /usr/bin NO_DEFAULT_PATH REQUIRED)

add_library(attest_test_base INTERFACE)
target_link_libraries(attest_test_base INTERFACE attest::options Boost::unit_test_framework rapidcheck Threads::Threads)
target_compile_definitions(attest_test_base INTERFACE BOOST_TEST_DYN_LINK)
add_library(attest_test_support INTERFACE)
target_link_libraries(attest_test_support INTERFACE attest_test_base attest::cli attest::sweep attest::reports
  attest::variants nlohmann_json::nlohmann_json xtensor)
add_dependencies(attest_test_support attest_cuda)
target_compile_definitions(attest_test_support INTERFACE
  ATTEST_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data"
  ATTEST_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
  ATTEST_BINARY="$<TARGET_FILE:attest>"
  ATTEST_CUDA_LIBRARY="$<TARGET_FILE:attest_cuda>"
  ATTEST_NVCC="${attest_nvcc}"
  ATTEST_PYTHON="${ATTEST_PYTHON}")

# Simulated kernels, right and with planted defects, and random problems for them: tests only.
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/defects/kernels/*.cpp ${CMAKE_SOURCE_DIR}/tests/support/*.cpp)
add_library(attest_simulated_kernels STATIC ${sources})
target_link_libraries(attest_simulated_kernels PUBLIC attest::core attest::reference PRIVATE attest::options)
target_link_libraries(attest_test_support INTERFACE attest_simulated_kernels)

# Tests run side by side on all cores: a thread that waits must not spin on the core of another.
set(attest_quiet_threads OMP_WAIT_POLICY=passive)

# attest_add_test(NAME SOURCES... [LINKS target...]): a Boost.Test program, run by ctest under its name; it sees the whole
# project unless LINKS names what it sees.
function(attest_add_test name)
  cmake_parse_arguments(test "" "" "LINKS" ${ARGN})
  if(NOT test_LINKS)
    set(test_LINKS attest_test_support)
  endif()
  set(main ${CMAKE_BINARY_DIR}/generated/test_main.cpp)
  if(NOT EXISTS ${main})
    file(WRITE ${main} "#define BOOST_TEST_MODULE attest\n#include <boost/test/unit_test.hpp>\n")
  endif()
  add_executable(test_${name} ${test_UNPARSED_ARGUMENTS} ${main})
  target_link_libraries(test_${name} PRIVATE ${test_LINKS})
  add_test(NAME ${name} COMMAND test_${name} --report_level=short --color_output=no)
  set_tests_properties(${name} PROPERTIES TIMEOUT 600 ENVIRONMENT "${attest_quiet_threads}")
endfunction()

foreach(group reference harness contract defects golden ptx)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${group}/*.cpp)
  set(links "")
  if(group STREQUAL "ptx")  # the emulator is a library of its own
    set(links LINKS attest_test_base attest::emulator)
  endif()
  if(sources)
    attest_add_test(${group} ${sources} ${links})
  endif()
endforeach()

# A thousand runs of right kernels.
add_test(NAME defects_slow
  COMMAND test_defects --run_test=defects/no_right_kernel_is_rejected_in_1000_runs --report_level=short --color_output=no)
set_tests_properties(defects_slow PROPERTIES TIMEOUT 1200 LABELS slow)

# Reports compiled by LaTeX.
add_test(NAME golden_slow COMMAND test_golden --run_test=latex_slow --report_level=short --color_output=no)
set_tests_properties(golden_slow PROPERTIES TIMEOUT 1200 LABELS slow)

# The contract once more for each other instruction set, forced; it runs with the fastest one by itself.
set(forced_isas portable avx2)
if(EXISTS /proc/cpuinfo)
  file(STRINGS /proc/cpuinfo bf16_cpus REGEX "^flags.* avx512_bf16( |$)")
  if(bf16_cpus)
    list(APPEND forced_isas avx512bf16)
  endif()
endif()
foreach(isa IN LISTS forced_isas)
  add_test(NAME contract_${isa} COMMAND test_contract --report_level=short --color_output=no)
  set_tests_properties(contract_${isa} PROPERTIES TIMEOUT 1200 LABELS slow ENVIRONMENT
    "ATTEST_ISA=${isa};${attest_quiet_threads}")
endforeach()

# The contract once more, for the CUDA kernels on the emulator. What it holds of the CPU's memory has no meaning there.
add_executable(test_contract_emulated ${CMAKE_SOURCE_DIR}/tests/contract/contract.cpp
  ${CMAKE_SOURCE_DIR}/tests/contract/probes.cpp ${CMAKE_SOURCE_DIR}/tests/contract/properties.cpp
  ${CMAKE_SOURCE_DIR}/tests/contract/invariance.cpp ${CMAKE_BINARY_DIR}/generated/test_main.cpp)
target_link_libraries(test_contract_emulated PRIVATE attest_test_support)
target_compile_definitions(test_contract_emulated PRIVATE ATTEST_CONTRACT_BACKEND="emulated")
foreach(suite contract probes properties invariance)
  add_test(NAME ${suite}_emulated
    COMMAND test_contract_emulated --run_test=${suite} --report_level=short --color_output=no)
  set_tests_properties(${suite}_emulated PROPERTIES TIMEOUT 1200 ENVIRONMENT "${attest_quiet_threads}")
endforeach()

file(GLOB variant_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/variants/*/test.cpp)
foreach(source IN LISTS variant_tests)
  cmake_path(GET source PARENT_PATH folder)
  cmake_path(GET folder FILENAME name)
  attest_add_test(variant_${name} ${source})
endforeach()

# tests/<group>/test_*.py are programs that exit 0 on success; test_slow_*.py are labelled slow, those of tests/upstream,
# which fetch and compile what others wrote, upstream.
file(GLOB python_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/*/test_*.py)
foreach(source IN LISTS python_tests)
  cmake_path(GET source STEM name)
  cmake_path(GET source PARENT_PATH folder)
  cmake_path(GET folder FILENAME group)
  string(REGEX REPLACE "^test_" "" name ${name})
  add_test(NAME ${group}_${name} COMMAND ${ATTEST_PYTHON} ${source} --attest $<TARGET_FILE:attest> --build ${CMAKE_BINARY_DIR})
  set_tests_properties(${group}_${name} PROPERTIES TIMEOUT 1800)
  if(group STREQUAL "upstream")
    set_tests_properties(${group}_${name} PROPERTIES LABELS upstream RUN_SERIAL TRUE)
  elseif(name MATCHES "^slow_")
    set_tests_properties(${group}_${name} PROPERTIES LABELS slow RUN_SERIAL TRUE)
  endif()
endforeach()

if(attest_nvcc)
  add_test(NAME cuda_architectures
    COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target cuda_architectures)
  set_tests_properties(cuda_architectures PROPERTIES TIMEOUT 1800 LABELS slow RUN_SERIAL TRUE)
endif()
