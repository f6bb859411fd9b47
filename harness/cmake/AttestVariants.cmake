# The folder is the registration: every folder of variants/ that holds a variant.cpp joins the library and the manifest.
# variant.cpp defines `namespace attest::<folder> { extern const Variant variant; }`.

function(attest_add_variants)
  file(GLOB descriptors CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/variants/*/variant.cpp)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/variants/common/cpu/*.cpp
    ${CMAKE_SOURCE_DIR}/variants/common/cuda/*.cpp)
  set(declarations "")
  set(rows "")
  foreach(descriptor IN LISTS descriptors)
    cmake_path(GET descriptor PARENT_PATH folder)
    cmake_path(GET folder FILENAME name)
    file(GLOB own CONFIGURE_DEPENDS ${folder}/*.cpp)
    list(FILTER own EXCLUDE REGEX "/test\\.cpp$")
    list(APPEND sources ${own})
    set(cases "")
    if(EXISTS ${folder}/cases.toml)
      file(READ ${folder}/cases.toml cases)
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/cases.toml)
    endif()
    string(APPEND declarations "namespace attest::${name} { extern const Variant variant; }\n")
    string(APPEND rows "    {&attest::${name}::variant, R\"toml(${cases})toml\"},\n")
  endforeach()
  set(manifest ${CMAKE_BINARY_DIR}/generated/manifest.cpp)
  file(CONFIGURE OUTPUT ${manifest} @ONLY CONTENT [[// Written by harness/cmake/AttestVariants.cmake from the folders of variants/.
#include <array>

#include "harness/core/registry.hpp"

@declarations@
namespace attest {

std::span<const RegisteredVariant> registered_variants() {
  static const auto table = std::to_array<RegisteredVariant>({
@rows@  });
  return table;
}

}  // namespace attest
]])
  attest_set_isa_flags(${sources})
  # An oracle keeps rounding errors as the reference does: no product may be fused into a sum.
  foreach(source IN LISTS sources)
    if(source MATCHES "/oracle[a-z_]*\\.cpp$")
      set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS -ffp-contract=off)
    endif()
  endforeach()
  add_library(attest_variants STATIC ${sources} ${manifest})
  add_library(attest::variants ALIAS attest_variants)
  target_link_libraries(attest_variants PUBLIC attest::core attest::reference
    PRIVATE attest::options OpenMP::OpenMP_CXX PkgConfig::openblas Threads::Threads)
  # The registry of core asks for the manifest's table: a cycle of static libraries, which the linker must be told of.
  target_link_libraries(attest_core INTERFACE attest_variants)
  attest_add_device_modules(attest_variants)
  target_include_directories(attest_variants PUBLIC ${CMAKE_SOURCE_DIR})
  target_compile_options(attest_variants PRIVATE $<$<CONFIG:Release,RelWithDebInfo>:-O3>)
endfunction()
