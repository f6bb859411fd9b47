# Device code: every variants/<variant>/cuda_<algorithm>.cu becomes PTX for sm_80, which the program carries with it. A
# build without nvcc has none and says so.

set(ATTEST_NVCC "$ENV{ATTEST_NVCC}" CACHE STRING
  "The nvcc of a CUDA toolkit; none: build without CUDA kernels; empty: the one that is found")

# Beside PATH: where NVIDIA's installer puts it, and where setup.sh does.
set(attest_nvcc "")
if(ATTEST_NVCC STREQUAL "")
  find_program(attest_nvcc_found nvcc NO_CACHE
    PATHS /usr/local/cuda/bin ${CMAKE_SOURCE_DIR}/build/cuda/nvidia/cu13/bin)
  if(attest_nvcc_found)
    set(attest_nvcc ${attest_nvcc_found})
  endif()
elseif(NOT ATTEST_NVCC STREQUAL "none")
  if(NOT EXISTS "${ATTEST_NVCC}")
    message(FATAL_ERROR "ATTEST_NVCC: '${ATTEST_NVCC}' is no file; give the path of an nvcc, or none")
  endif()
  set(attest_nvcc ${ATTEST_NVCC})
endif()

set(attest_nvcc_version "")
if(attest_nvcc)
  execute_process(COMMAND ${attest_nvcc} --version OUTPUT_VARIABLE attest_nvcc_said ERROR_VARIABLE attest_nvcc_error)
  if(NOT attest_nvcc_said MATCHES "release [0-9.]+, V([0-9.]+)")
    message(FATAL_ERROR "ATTEST_NVCC: '${attest_nvcc} --version' names no release; give the path of an nvcc, or none\n"
      "${attest_nvcc_said}${attest_nvcc_error}")
  endif()
  set(attest_nvcc_version ${CMAKE_MATCH_1})
  # What is called nvcc may be a script or a link: it knows itself where its toolkit is.
  execute_process(COMMAND ${attest_nvcc} --dryrun -ptx -x cu /dev/null ERROR_VARIABLE attest_nvcc_said)
  string(REGEX MATCH "_HERE_=([^\r\n]+)" attest_nvcc_said "${attest_nvcc_said}")
  find_program(attest_ptxas ptxas NO_CACHE NO_DEFAULT_PATH REQUIRED PATHS ${CMAKE_MATCH_1})
  message(STATUS "CUDA kernels: nvcc ${attest_nvcc_version}, ${attest_nvcc}")
else()
  message(STATUS "CUDA kernels: absent, no nvcc")
endif()

set(attest_nvcc_flags -O3 --generate-line-info -std=c++17 -I${CMAKE_SOURCE_DIR})

# attest_compile_cuda(SOURCE): rules for its PTX and for what ptxas says of it. Appends to modules_files what is made, to
# modules_assembly, modules_declarations and modules_rows what the table needs.
function(attest_compile_cuda source)
  cmake_path(GET source STEM kernel)
  cmake_path(GET source PARENT_PATH folder)
  cmake_path(GET folder FILENAME variant)
  set(ptx ${CMAKE_BINARY_DIR}/ptx/${variant}/${kernel}.ptx)
  set(resources ${CMAKE_BINARY_DIR}/ptx/${variant}/${kernel}.resources)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/ptx/${variant})
  # Findings name a file by its path from the root, whatever folder this is built in.
  cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE shown)
  add_custom_command(OUTPUT ${ptx} DEPENDS ${source} DEPFILE ${ptx}.d
    COMMAND ${attest_nvcc} -ptx -arch=sm_80 ${attest_nvcc_flags} -MD -MF ${ptx}.d -MT ${ptx} -o ${ptx} ${source}
    COMMAND sed -i "s#\"${CMAKE_SOURCE_DIR}/#\"#" ${ptx}
    COMMENT "Compiling ${shown} to PTX" VERBATIM)
  add_custom_command(OUTPUT ${resources} DEPENDS ${ptx}
    COMMAND sh -c "${attest_ptxas} -v -arch=sm_80 ${ptx} -o /dev/null >${resources} 2>&1 || { cat ${resources}; rm ${resources}; exit 1; }"
    COMMENT "Asking ptxas for the registers of ${variant}/${kernel}" VERBATIM)
  set(symbol attest_module_${variant}_${kernel})
  foreach(part ptx resources)
    string(APPEND modules_assembly "    \".globl ${symbol}_${part}, ${symbol}_${part}_end\\n\"\n"
      "    \".hidden ${symbol}_${part}, ${symbol}_${part}_end\\n\"\n"
      "    \"${symbol}_${part}: .incbin \\\"${${part}}\\\"\\n\"\n"
      "    \"${symbol}_${part}_end: .byte 0\\n\"\n")
    string(APPEND modules_declarations "extern const char ${symbol}_${part}[];\n"
      "extern const char ${symbol}_${part}_end[];\n")
  endforeach()
  string(APPEND modules_rows "      DeviceModule{\"${variant}/${kernel}\", text(${symbol}_ptx, ${symbol}_ptx_end),\n"
    "                   text(${symbol}_resources, ${symbol}_resources_end)},\n")
  list(APPEND modules_files ${ptx} ${resources})
  foreach(name assembly declarations rows files)
    set(modules_${name} "${modules_${name}}" PARENT_SCOPE)
  endforeach()
endfunction()

# attest_add_device_modules(TARGET): the table of all device modules in a source of TARGET. The text comes in by .incbin:
# a compiler takes seconds to read a literal of a megabyte.
function(attest_add_device_modules target)
  file(GLOB kernels CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/variants/*/cuda*.cu)
  foreach(name assembly declarations rows files)
    set(modules_${name} "")
  endforeach()
  if(attest_nvcc)
    foreach(source IN LISTS kernels)
      attest_compile_cuda(${source})
    endforeach()
  endif()
  set(table ${CMAKE_BINARY_DIR}/generated/device_modules.cpp)
  file(CONFIGURE OUTPUT ${table} @ONLY CONTENT [=[// Written by harness/cmake/AttestCuda.cmake from the .cu files of variants/.
#include <vector>

#include "harness/core/device_module.hpp"

asm(".pushsection .rodata\n"
@modules_assembly@    ".popsection\n");

extern "C" {
@modules_declarations@}

namespace attest {

std::span<const DeviceModule> device_modules() {
  [[maybe_unused]] const auto text = [](const char* begin, const char* end) {
    return std::string_view(begin, static_cast<std::size_t>(end - begin));
  };
  static const std::vector<DeviceModule> table{
@modules_rows@  };
  return table;
}

std::string_view device_compiler() {
  return "@attest_nvcc_version@";
}

}  // namespace attest
]=])
  set_property(SOURCE ${table} APPEND PROPERTY OBJECT_DEPENDS "${modules_files}")
  target_sources(${target} PRIVATE ${table} ${modules_files})
  if(attest_nvcc)
    attest_compile_for_newer(${kernels})
  endif()
endfunction()

# Target cuda_architectures: every kernel compiled, down to machine code, for the GPUs that no one runs it on here.
function(attest_compile_for_newer)
  set(made "")
  foreach(source IN LISTS ARGN)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE shown)
    string(REPLACE "/" "_" name ${shown})
    foreach(architecture sm_90 sm_100)
      set(cubin ${CMAKE_BINARY_DIR}/ptx/${architecture}/${name}.cubin)
      file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/ptx/${architecture})
      add_custom_command(OUTPUT ${cubin} DEPENDS ${source} DEPFILE ${cubin}.d
        COMMAND ${attest_nvcc} -cubin -arch=${architecture} ${attest_nvcc_flags} -MD -MF ${cubin}.d -MT ${cubin} -o ${cubin} ${source}
        COMMENT "Compiling ${shown} for ${architecture}" VERBATIM)
      list(APPEND made ${cubin})
    endforeach()
  endforeach()
  add_custom_target(cuda_architectures DEPENDS ${made})
endfunction()
