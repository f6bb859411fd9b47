# attest::options holds the warnings and sanitizers of all targets of ours.
add_library(attest_options INTERFACE)
add_library(attest::options ALIAS attest_options)
target_compile_options(attest_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor)
# GCC 12 sees overlapping copies in every "text" + std::string it inlines (its bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(attest_options INTERFACE -Wno-restrict)
endif()
# Clang knows neither GCC's ivdep nor its unroll, and goes on without.
target_compile_options(attest_options INTERFACE $<$<CXX_COMPILER_ID:Clang>:-Wno-unknown-pragmas>)
target_compile_options(attest_options INTERFACE $<$<BOOL:${ATTEST_WERROR}>:-Werror>)
if(ATTEST_SANITIZE)
  target_compile_options(attest_options INTERFACE -fsanitize=${ATTEST_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(attest_options INTERFACE -fsanitize=${ATTEST_SANITIZE})
  # GCC 12 sees uninitialised members in its own <regex> when the sanitizers' checks are in (GCC bug 105562).
  target_compile_options(attest_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
target_include_directories(attest_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(attest_options INTERFACE
  ATTEST_VERSION="${PROJECT_VERSION}"
  ATTEST_BUILD_TYPE="${CMAKE_BUILD_TYPE}")

# A source named *_<isa>.cpp is compiled for that instruction set, and its code is entered only where the CPU has it.
set(attest_isa_flags_avx2 -mavx2 -mfma -mf16c)
set(attest_isa_flags_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mf16c -mprefer-vector-width=512)
set(attest_isa_flags_avx512bf16 ${attest_isa_flags_avx512} -mavx512bf16)

function(attest_set_isa_flags)
  foreach(source IN LISTS ARGN)
    foreach(isa avx2 avx512 avx512bf16)
      if(source MATCHES "_${isa}\\.cpp$" AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
        set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS ${attest_isa_flags_${isa}})
      endif()
    endforeach()
  endforeach()
endfunction()

# attest_add_module(NAME FOLDER [SUBFOLDERS folder...] [EXCLUDE file...] LINKS target...): a static library of all
# sources of one folder.
function(attest_add_module name folder)
  cmake_parse_arguments(module "" "" "SUBFOLDERS;EXCLUDE;LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cpp)
  foreach(subfolder IN LISTS module_SUBFOLDERS)
    file(GLOB more CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/${subfolder}/*.cpp)
    list(APPEND sources ${more})
  endforeach()
  foreach(excluded IN LISTS module_EXCLUDE)
    list(REMOVE_ITEM sources ${CMAKE_SOURCE_DIR}/${folder}/${excluded})
  endforeach()
  attest_set_isa_flags(${sources})
  add_library(attest_${name} STATIC ${sources})
  add_library(attest::${name} ALIAS attest_${name})
  target_link_libraries(attest_${name} PUBLIC ${module_LINKS} PRIVATE attest::options Threads::Threads)
  target_include_directories(attest_${name} PUBLIC ${CMAKE_SOURCE_DIR})
endfunction()

# Two sources look beside the checkout for data and its commit; only they know the folder, so that a compiler cache serves
# every other one in any folder.
set_property(SOURCE ${CMAKE_SOURCE_DIR}/harness/inputs/minilm.cpp ${CMAKE_SOURCE_DIR}/harness/measure/build_facts.cpp
  APPEND PROPERTY COMPILE_DEFINITIONS "ATTEST_SOURCE_DIR=\"${CMAKE_SOURCE_DIR}\"")

# Provenance names the flags that every file is compiled with; those of an instruction set come on top where it is named.
function(attest_record_flags)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  string(STRIP "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}}" flags)
  set_property(SOURCE ${CMAKE_SOURCE_DIR}/harness/measure/build_facts.cpp APPEND PROPERTY
    COMPILE_DEFINITIONS "ATTEST_CXX_FLAGS=\"${flags}\"")
endfunction()
